"""Figures on the page: image and numbers, or the reason why a figure is not drawn."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import polars
from matplotlib.figure import Figure
from polars import selectors

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures import FigureModule, figure_module
from saibench.figures.questions import OTHER
from saibench.figures.style import svg
from saibench.imports.modules import recorded_modules
from saibench.report.text import first_sentence

_FORMULA = r"^[=+\-@\t\r\n]"
"""Start of text that a spreadsheet takes for a formula."""


@dataclass(frozen=True)
class DrawnFigure:
    """A figure for the template; `reason` says why there is no image.

    `error` is the defect of the program that caused it; the caller warns of it after the page is
    written, so that one figure does not prevent the others.
    """

    name: str
    title: str
    paper: str
    question: str = OTHER
    reading: str = ""
    """One sentence on what the figure says, or else what it draws."""
    caption: str = ""
    figure: Figure | None = None
    image: bytes = b""
    """SVG."""
    csv: bytes = b""
    reason: str = ""
    error: Exception | None = None

    @property
    def label(self) -> str:
        return f"the figure '{self.title}' ({self.name})"

    @property
    def method(self) -> str:
        """The caption's first line, without the reading."""
        return self.caption.partition("\n")[0].removeprefix(self.reading).strip()

    @property
    def results(self) -> list[str]:
        """The other lines of the caption."""
        return self.caption.split("\n")[1:]

    @property
    def shape(self) -> str:
        """Aspect ratio of the image, which the page reserves: `691 / 320`."""
        found = re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', self.image[:2000])
        return " / ".join(side.decode() for side in found.groups()) if found else "auto"


def study_figures(evidence: StudyEvidence) -> list[str]:
    """The figures that the records name, in their order.

    A study of several runs omits the figures of a single run.
    """
    named = recorded_modules(evidence.records.values(), "figures")
    several = len(evidence.metrics) > 1
    return [name for name in named if not (several and _is_for_one_point(name))]


def drawable(evidence: StudyEvidence) -> dict[str, Figure]:
    """The study's figures that can be drawn, by the name of their module."""
    found = {}
    for name in study_figures(evidence):
        try:
            module = figure_module(name)
            if module.needs(evidence) is None:
                found[_short(name)] = module.draw(evidence)
        except Exception:  # reported in the place of the figure
            continue
    return found


def _short(name: str) -> str:
    """The name of a figure's file: the full module name for a user's figure, which is unique.

    >>> _short("saibench.figures.trusted_range"), _short("pendulum.figure")
    ('trusted_range', 'pendulum_figure')
    """
    is_shipped = name.startswith("saibench.")
    return name.rpartition(".")[2] if is_shipped else name.replace(".", "_")


def _is_for_one_point(name: str) -> bool:
    try:
        return getattr(figure_module(name), "single_point", False)
    except Exception:  # reported in the place of the figure
        return False


def draw_figure(evidence: StudyEvidence, figure: str | FigureModule | ModuleType) -> DrawnFigure:
    """Draw a figure, given as a module or by its dotted name, or say why it is not drawn."""
    name = figure if isinstance(figure, str) else getattr(figure, "__name__", figure.title)
    drawn = partial(DrawnFigure, _short(name), name, "")
    try:
        figure = figure_module(figure) if isinstance(figure, str) else figure
        question = getattr(figure, "question", OTHER)
        drawn = partial(DrawnFigure, _short(name), figure.title, figure.paper, question)
        reason = figure.needs(evidence)
        if reason is not None:
            return drawn(reason=reason)
        image, caption = figure.draw(evidence), figure.caption(evidence)
        reading = getattr(figure, "reading", None)
        return drawn(
            reading=(reading(evidence) if reading else "") or first_sentence(caption),
            caption=caption,
            figure=image,
            image=svg(image),
            csv=csv_of(figure.table(evidence)),
        )
    except UserError as error:
        return drawn(reason=str(error))
    except Exception as error:
        return drawn(reason=f"{type(error).__name__}: {error}", error=error)


def csv_of(table: polars.DataFrame) -> bytes:
    """The table as CSV, without text that a spreadsheet takes for a formula.

    Such cells and column names get a leading apostrophe, as OWASP recommends; numbers stored as
    text are unchanged.

    >>> csv_of(polars.DataFrame({"@x": ["=1+1", "-0.5"]}))
    b"'@x\\n'=1+1\\n-0.5\\n"
    """
    texts = table.select(selectors.string(include_categorical=True)).columns
    safe = table.with_columns(_no_formulas(table[name].cast(polars.String)) for name in texts)
    heads = _no_formulas(polars.Series(table.columns, dtype=polars.String))
    return safe.rename(dict(zip(table.columns, heads, strict=True))).write_csv().encode()


def _no_formulas(texts: polars.Series) -> polars.Series:
    is_number = texts.cast(polars.Float64, strict=False).is_not_null()
    return texts.zip_with(is_number | ~texts.str.contains(_FORMULA), "'" + texts)


def data_uri(mime: str, content: bytes) -> str:
    """The content as a `data:` URI."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def svg_uri(figure: Figure) -> str:
    """The figure as SVG in a `data:` URI."""
    return data_uri("image/svg+xml", svg(figure))
