"""A figure on the page: its image and numbers inside the page, or why it is not drawn."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from matplotlib.figure import Figure

from saibench.evidence.reader import StudyEvidence
from saibench.figures import FigureModule, figure_module
from saibench.figures.style import svg


@dataclass(frozen=True)
class DrawnFigure:
    """What the template shows of one figure; `reason` says why there is no image."""

    name: str
    title: str
    paper: str
    caption: str = ""
    image: str = ""
    csv: str = ""
    reason: str = ""


def study_figures(evidence: StudyEvidence) -> list[str]:
    """The figures that the points' records name, in their order."""
    named = (name for record in evidence.records.values() for name in record.get("figures") or ())
    return list(dict.fromkeys(named))


def drawable(evidence: StudyEvidence) -> dict[str, Figure]:
    """The study's figures that its evidence suffices for, by the name of their module."""
    modules = {name.rpartition(".")[2]: figure_module(name) for name in study_figures(evidence)}
    return {
        name: module.draw(evidence)
        for name, module in modules.items()
        if module.needs(evidence) is None
    }


def draw_figures(
    evidence: StudyEvidence, figures: Sequence[str | FigureModule | ModuleType]
) -> list[DrawnFigure]:
    """Draws each figure, given as a module or by its dotted name."""
    return [
        draw_figure(evidence, figure_module(figure) if isinstance(figure, str) else figure)
        for figure in figures
    ]


def draw_figure(evidence: StudyEvidence, figure: FigureModule | ModuleType) -> DrawnFigure:
    name = getattr(figure, "__name__", figure.title).rpartition(".")[2]
    reason = figure.needs(evidence)
    if reason is not None:
        return DrawnFigure(name, figure.title, figure.paper, reason=reason)
    return DrawnFigure(
        name,
        figure.title,
        figure.paper,
        caption=figure.caption(evidence),
        image=data_uri("image/svg+xml", svg(figure.draw(evidence))),
        csv=data_uri("text/csv;charset=utf-8", figure.table(evidence).write_csv().encode()),
    )


def data_uri(mime: str, content: bytes) -> str:
    """The content as an address that needs no request."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
