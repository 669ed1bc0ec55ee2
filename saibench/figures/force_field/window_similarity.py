"""SOAP similarity of training windows to the test, and its correlation with the force error."""

from __future__ import annotations

import matplotlib.ticker
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.blocks import blocks_of
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.cell_errors import cell_errors
from saibench.analysis.estimates import estimate_mean
from saibench.analysis.force_field.window_similarity import CENTRED, PLAIN, similarity_correlation
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import WINDOW, Variant, rows_of, tested, variants, why_untested
from saibench.figures.captions import INTERVALS, partition_text, shared_text
from saibench.figures.force_field.windows import width_colours
from saibench.figures.questions import DRIVERS
from saibench.figures.style import MUTED, error_bars, panel_title, panels, styled
from saibench.formatting import fixed

title = "Similarity of training windows to the test"
paper = "Figure 4"
question = DRIVERS

MIN_WINDOWS = 3


def needs(evidence: StudyEvidence) -> str | None:
    untested = why_untested(evidence, [PLAIN, CENTRED, "force_mae", "time"])
    if untested or len(_windows(evidence).cells) >= MIN_WINDOWS:
        return untested
    return f"It takes {MIN_WINDOWS} training windows."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per window: similarity to the test, plain and centred, and force MAE [meV/Å].

    Intervals of similarities are those of a window's difference from the mean over windows: a test
    frame that is dissimilar to all windows does not change their order.
    """
    cells = _windows(evidence).cells
    rows = [dict(cell.shared) for cell in cells]
    for name in (PLAIN, CENTRED):
        similarity = cell_errors(evidence, cells, name)
        for row, column in zip(rows, similarity.values.T, strict=True):
            mean = column.mean()
            relative = column - similarity.values.mean(axis=1)
            interval = block_bootstrap(relative, blocks_of(similarity.samples, relative))
            shift = mean - interval.estimate
            row[name] = mean
            row |= {f"{name}_low": interval.low + shift, f"{name}_high": interval.high + shift}
    for row, cell in zip(rows, cells, strict=True):
        samples = rows_of(evidence.samples, cell.points, evidence.held_out)
        error = estimate_mean(samples, "force_mae").interval
        row["force_mae"] = error.estimate
        row |= {"force_mae_low": error.low, "force_mae_high": error.high}
        row |= {"samples": error.count, "blocks": error.num_blocks}
    return polars.DataFrame(rows, infer_schema_length=None)


def rank_correlation(evidence: StudyEvidence, similarity: str = CENTRED) -> Interval:
    """Spearman's ρ between similarity to the test and force MAE over the drawn windows."""
    return similarity_correlation(evidence, _windows(evidence).cells, similarity)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers = table(evidence)
    figure, axes = panels(1, 3, 3.6)
    _draw_by_start(axes[0, 0], numbers, PLAIN)
    _draw_by_start(axes[0, 1], numbers, CENTRED)
    _draw_against_error(axes[0, 2], numbers)
    rho = rank_correlation(evidence, CENTRED)
    panel_title(axes[0, 0], "a", "plain cosine")
    panel_title(axes[0, 1], "b", "centred cosine")
    panel_title(axes[0, 2], "c", f"ρ = {fixed(rho)}")
    axes[0, 0].set_ylabel("mean SOAP similarity to the test")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title="window width", loc="outside right center")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """Whether windows that are more similar to the test have a lower error."""
    found, count = rank_correlation(evidence), table(evidence).height
    if found.low <= 0 <= found.high:
        seen = "do not differ significantly in force MAE"
    else:
        seen = f"have a {'lower' if found.estimate < 0 else 'higher'} force MAE"
    return (
        f"Windows more similar to the test {seen}: Spearman's ρ = {fixed(found)} over {count} "
        "windows."
    )


def caption(evidence: StudyEvidence) -> str:
    plain, centred = (rank_correlation(evidence, name) for name in (PLAIN, CENTRED))
    numbers = table(evidence)
    spread = np.ptp(numbers[PLAIN].to_numpy())
    return (
        "Mean cosine of SOAP vectors over all pairs of a frame of the training window and a frame "
        f"of the test, no unit, {partition_text(evidence)}. (a) Plain, as in the paper: "
        f"all {numbers.height} windows are within {spread:.2g}; equal starts are side by side. "
        "(b) After subtracting the mean vector of everything before the test, the same for every "
        "window. (c) Centred similarity against force MAE [meV/Å, mean absolute error of a force "
        f"component].{shared_text(_windows(evidence).label)} Spearman's ρ of similarity "
        f"and error is {fixed(centred)} centred and {fixed(plain)} plain; its interval resamples "
        "the test for the given, overlapping windows, and does not generalise to other windows. "
        f"{INTERVALS}; those of similarities are for the difference from the mean over windows."
    )


def _windows(evidence: StudyEvidence) -> Variant:
    """The variant with the most windows at equal settings; empty without windows."""
    points = tested(evidence)
    if points.is_empty() or "window" not in points.columns:
        return Variant("", ())
    found = variants(points, ["window"], by=[*WINDOW, "window"])
    return max(found, key=lambda variant: len(variant.cells))


def _draw_by_start(axes: Axes, numbers: polars.DataFrame, similarity: str) -> None:
    width = (numbers["window_end"] - numbers["window_start"]).round(6)
    colours = width_colours(numbers)
    for position, (value, colour) in enumerate(colours.items()):
        line = numbers.filter(width == value).sort("window_start")
        shift = 0.9 * (position - (len(colours) - 1) / 2)  # keeps error bars visible
        axes.errorbar(
            100 * line["window_start"] + shift,
            line[similarity],
            yerr=_error_bars(line, similarity),
            color=colour,
            marker="o",
            markersize=4.5,
            capsize=2.5,
            linewidth=2 if value == min(width) else 1.3,
            label=f"{100 * value:.3g} %",
        )
    axes.set_xlabel("start of the window [%]")
    axes.xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(15))


def _draw_against_error(axes: Axes, numbers: polars.DataFrame) -> None:
    width = (numbers["window_end"] - numbers["window_start"]).round(6)
    colours = width_colours(numbers)
    axes.errorbar(
        numbers[CENTRED],
        numbers["force_mae"],
        yerr=_error_bars(numbers, "force_mae"),
        fmt="none",
        ecolor=MUTED,
        elinewidth=0.8,
    )
    colour = [colours[value] for value in width]
    axes.scatter(numbers[CENTRED], numbers["force_mae"], s=26, c=colour, zorder=3)
    axes.set_xlabel("centred similarity to the test")
    axes.set_ylabel("force MAE [meV/Å]")


def _error_bars(numbers: polars.DataFrame, name: str) -> Floats:
    return error_bars(numbers[name], numbers[f"{name}_low"], numbers[f"{name}_high"])
