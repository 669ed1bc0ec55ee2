"""Time extrapolation: errors of training windows on the test that follows them."""

from __future__ import annotations

import matplotlib.ticker
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.answers import study_answers
from saibench.analysis.estimates import estimate_mean
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import (
    WINDOW,
    Variant,
    rows_of,
    test_start,
    tested,
    variants,
    why_untested,
)
from saibench.figures.captions import INTERVALS, first_of, partition_text
from saibench.figures.force_field.species import FORCE_MAE
from saibench.figures.questions import BEST
from saibench.figures.style import INK, TEST_REGION, error_bars, panel_title, panels, shades, styled

title = "Time extrapolation"
paper = "Figure 3"
question = BEST

MAX_VARIANTS = 4


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, ["force_mae"])
    if untested or window_variants(evidence):
        return untested
    return "It takes two training windows with equal settings."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (variant, window), best first; rows with `point` are single seeds."""
    rows = [
        {"variant": variant.label, **cell.shared, "unit": "meV/Å", **row}
        for variant in window_variants(evidence)
        for cell in variant.cells
        for row in estimate_mean(
            rows_of(evidence.samples, cell.points, evidence.held_out), "force_mae"
        ).rows()
    ]
    window = ["variant", *WINDOW]
    numbers = polars.DataFrame(rows, infer_schema_length=None)
    best = numbers.filter(polars.col("point").is_null()).select(*window, rank="estimate")
    ranked = numbers.join(best, on=window)
    return ranked.sort(["variant", "rank", *WINDOW], maintain_order=True).drop("rank")


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers = table(evidence)
    labels = numbers["variant"].unique(maintain_order=True).to_list()[:MAX_VARIANTS]
    groups = [numbers.filter(polars.col("variant") == label) for label in labels]
    lengths = [group.filter(polars.col("point").is_null()).height for group in groups]
    right = float(np.nanmax(numbers.select("high", "estimate").cast(polars.Float64).to_numpy()))
    figure, axes = panels(
        len(labels),
        2,
        sum(0.27 * length + 1.3 for length in lengths),
        sharey="row",
        sharex="col",
        width_ratios=(1.25, 1),
        height_ratios=lengths,
    )
    for (windows, bars), label, group in zip(axes, labels, groups, strict=True):
        _draw_windows(windows, group, test_start(evidence))
        _draw_bars(bars, group, right)
        panel_title(windows, "a", "training windows, best on top", label)
        panel_title(bars, "b", "force MAE on the test")
    axes[-1, 0].set_xlabel("position in the trajectory [%]")
    axes[-1, 1].set_xlabel("force MAE [meV/Å]")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The best run, and whether the difference from the second best is real."""
    answer = study_answers(evidence).best
    return answer.sentence if answer.numbers else ""


def caption(evidence: StudyEvidence) -> str:
    found = window_variants(evidence)
    return (
        "(a) Training windows, coloured by width; the test region is shaded. "
        f"(b) Force MAE [meV/Å] of the model trained on it, {FORCE_MAE}, over "
        f"{partition_text(evidence)}. {INTERVALS}; white dots: single seeds."
        f"{first_of(MAX_VARIANTS, len(found))}"
    )


def window_variants(evidence: StudyEvidence) -> list[Variant]:
    """The variants of the study with two or more training windows."""
    points = tested(evidence)
    if "window" not in points.columns:
        return []
    found = variants(points, ["window"], by=[*WINDOW, "window"])
    return [variant for variant in found if len(variant.cells) > 1]


def width_colours(numbers: polars.DataFrame) -> dict[float, tuple[float, float, float, float]]:
    """The colour of each window width, wide ones dark."""
    widths = sorted((numbers["window_end"] - numbers["window_start"]).round(6).unique())
    return dict(zip(widths, reversed(shades(len(widths))), strict=True))


def _draw_windows(axes: Axes, numbers: polars.DataFrame, test: float) -> None:
    colours = width_colours(numbers)
    axes.axvspan(100 * test, 100, color=TEST_REGION, linewidth=0, zorder=0)
    means = numbers.filter(polars.col("point").is_null())
    for row, (start, end) in enumerate(means.select(WINDOW).iter_rows()):
        colour = colours[round(end - start, 6)]
        axes.barh(row, 100 * (end - start), left=100 * start, height=0.24, color=colour)
    axes.set_yticks(range(means.height), means["window"].to_list())
    axes.set_ylim(means.height - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(15))
    axes.grid(axis="y", visible=False)
    axes.text(50 * (1 + test), -0.5, "test", ha="center", va="top", fontsize=8.5)


def _draw_bars(axes: Axes, numbers: polars.DataFrame, right: float) -> None:
    """Draw bars, with their values as text to the right of `right`, the longest of all panels."""
    colours = width_colours(numbers)
    means = numbers.filter(polars.col("point").is_null())
    lengths = error_bars(means["estimate"], means["low"], means["high"])
    widths = (means["window_end"] - means["window_start"]).round(6)
    axes.barh(
        range(means.height),
        means["estimate"],
        xerr=lengths,
        height=0.68,
        color=[colours[width] for width in widths],
        alpha=0.85,
        error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2.5},
    )
    row_of = {window: row for row, window in enumerate(means.select(WINDOW).iter_rows())}
    seeds = numbers.filter(polars.col("point").is_not_null())
    axes.scatter(
        seeds["estimate"],
        [row_of[window] for window in seeds.select(WINDOW).iter_rows()],
        s=14,
        color="white",
        edgecolors=INK,
        linewidths=0.7,
        zorder=3,
    )
    for row, value in enumerate(means["estimate"]):
        axes.text(1.02 * right, row, f"{value:.1f}", va="center", fontsize=8.5)
    axes.set_xlim(0, 1.14 * right or 1.0)  # all errors may be 0
    axes.grid(axis="y", visible=False)
    axes.tick_params(labelleft=False, left=False)
