"""The style of figures: sizes, colours for colour-blind readers, legends, and error bars."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any, ParamSpec

import matplotlib
import matplotlib.ticker
import numpy as np
import PIL.Image
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from saibench.analysis.trusted_range.records import Quantity
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled

PAGE_WIDTH = 9.6
"""Width in inches; text of 10 points is readable at the width of the report."""

PNG_DPI = 150
PAGE_DPI = 110
"""Resolution of a PNG in the report: 1,056 pixels over `PAGE_WIDTH`."""

NARROW = 36
"""Letters of a title in a third of the page."""
_LIST = re.compile(r"\[[^]]*\]")

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, https://jfly.uni-koeln.de/color/."""

INK = "#222222"
MUTED = "#8a8a8a"
TEST_REGION = "#f3e3b3"

STYLE: Any = {
    "font.size": 10,
    "text.color": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.dpi": 110,
    "svg.fonttype": "path",
    "svg.hashsalt": "saibench",
}

_DECIMALS = re.compile(rb"-?\d+\.\d{3,}")

Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw in this style without changing matplotlib's global settings."""

    @wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def svg(figure: Figure) -> bytes:
    """The figure as SVG; drawing it again gives the same bytes."""
    content = BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(content, format="svg", dpi=160, metadata={"Date": None, "Creator": None})
    return _compact(content.getvalue())


def _compact(drawing: bytes) -> bytes:
    """The SVG without comments, metadata and indentation; paths to a hundredth of a point."""
    drawing = re.sub(rb"<metadata>.*?</metadata>|<!--.*?-->", b"", drawing, flags=re.DOTALL)
    drawing = re.sub(rb"\n\s*", b"\n", drawing)
    return re.sub(rb' d="[^"]*"', lambda path: _DECIMALS.sub(_rounded, path.group()), drawing)


def _rounded(found: re.Match[bytes]) -> bytes:
    return (b"%.2f" % float(found.group())).rstrip(b"0").rstrip(b".")


def save_images(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png`; creates their folder."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".svg").write_bytes(svg(figure))
    figure.savefig(stem.with_suffix(".png"), dpi=PNG_DPI)


def page_png(figure: Figure) -> bytes:
    """The figure as a PNG for the report, in 256 colours: a quarter of the bytes at `PNG_DPI`."""
    drawn, content = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", dpi=PAGE_DPI)
    colours = PIL.Image.open(drawn).convert("RGB").quantize(256, dither=PIL.Image.Dither.NONE)
    colours.save(content, format="PNG", optimize=True)
    return content.getvalue()


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of page width and its axes `(rows, columns)`; `height` in inches."""
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def shades(count: int) -> list[tuple[float, float, float, float]]:
    """Colours for an ordered quantity, from dark to light; distinguishable in grey."""
    positions = np.linspace(0.08, 0.82, count) if count > 1 else np.array([0.35])
    return [tuple(colour) for colour in matplotlib.colormaps["viridis"](positions)]


def error_bars(estimate: Any, low: Any, high: Any) -> np.ndarray:
    """Lengths below and above the estimates `(2, n)`, for matplotlib's `xerr` and `yerr`."""
    estimate, low, high = (np.asarray(part, dtype=float) for part in (estimate, low, high))
    lengths = np.stack([estimate - low, high - estimate])
    return np.clip(np.nan_to_num(lengths), 0, None)


def draw_intervals(
    axes: Axes, x: Any, rows: polars.DataFrame, scale: float = 1.0, **style: Any
) -> None:
    """Draw the column `estimate` of a table at `x`, with error bars from `low` and `high`."""
    estimate, low, high = (scale * rows[name] for name in ("estimate", "low", "high"))
    axes.errorbar(x, estimate, yerr=error_bars(estimate, low, high), **style)


def quantity_label(quantity: Quantity, evidence: StudyEvidence | None = None) -> str:
    """`name in words [unit]` of a feature or error, for an axis.

    >>> quantity_label(Quantity("force_mae", "meV/Å")), quantity_label(Quantity("soap_distance"))
    ('force MAE [meV/Å]', 'SOAP distance to training')
    """
    return axis_label(titled(quantity.title, evidence), quantity.unit)


def axis_label(name: str, unit: str) -> str:
    """`name [unit]`; the name alone if the quantity has no unit."""
    return f"{name} [{unit}]" if unit else name


def count_axis(
    axes: Axes, counts: Sequence[int], label_width: float, form: Callable[[float], str]
) -> None:
    """Set a logarithmic x axis with the sizes of a study as ticks.

    The largest size always has a tick; others are dropped where labels would overlap.

    Args:
        label_width: width of a label as a fraction of the axis.
        form: formats a size.
    """
    axes.set_xscale("log")
    least = (max(counts) / min(counts)) ** label_width
    kept: list[int] = []
    for count in sorted(counts, reverse=True):
        if not kept or kept[-1] / count > least:
            kept.append(count)
    axes.xaxis.set_major_locator(matplotlib.ticker.FixedLocator(kept))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda x, _: form(x)))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def from_zero(axes: Axes) -> None:
    """Start the y axis at zero, with a margin at the top; shared limits change together."""
    axes.set_ylim(0, 1.05 * axes.get_ylim()[1])


def legend_below(figure: FigureBase, axes: Axes, max_columns: int = 4) -> None:
    """Put the legend of these axes below the whole figure."""
    handles, labels = axes.get_legend_handles_labels()
    ncols = min(max_columns, len(labels))
    figure.legend(handles, labels, loc="outside lower center", ncols=ncols)


def in_lines(label: str) -> str:
    """A label in lines for a panel of a third of the page; lists such as `[0, 1]` stay together.

    >>> in_lines("model.net.features = kinematic, subset.fraction = 0.01").splitlines()
    ['model.net.features = kinematic,', 'subset.fraction = 0.01']
    """
    kept = _LIST.sub(lambda found: found.group().replace(" ", "\N{NO-BREAK SPACE}"), label)
    return fill(kept, NARROW, break_long_words=False, break_on_hyphens=False)


def panel_title(axes: Axes, letter: str, text: str, variant: str = "") -> None:
    """Set the title `(a) text`, with the variant on a line above it."""
    axes.set_title(f"{variant}\n({letter}) {text}" if variant else f"({letter}) {text}")
