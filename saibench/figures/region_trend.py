"""Separately tested regions of the problem space, and the trend of the error beyond them."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from saibench.analysis.region_trend.of_evidence import RunTrend, run_trends
from saibench.analysis.region_trend.regions import RegionTrend
from saibench.analysis.region_trend.sentences import left_out_sentence, trend_sentence
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.questions import TRUST
from saibench.figures.style import (
    INK,
    MUTED,
    PALETTE,
    error_bars,
    in_lines,
    panel_title,
    panels,
    quantity_label,
    shades,
    styled,
)
from saibench.formatting import are, counted

title = "Trend of the error over regions"
paper = "Figure 1"
question = TRUST

MAX_RUNS = 3
POSITIONS = 201
TREND, TOLERANCE, PREDICTED = PALETTE[0], PALETTE[2], PALETTE[1]


def needs(evidence: StudyEvidence) -> str | None:
    try:
        runs = run_trends(evidence)
    except UserError as error:
        return str(error)
    if any(run.found for run in runs):
        return None
    return runs[0].refused if runs else "No run was tested."


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (run, curve, position): mean error with its 95 % interval.

    Curves: `region`, `trend` at the same positions, `trend beyond the data`, and the prediction
    of the last region from the others.
    """
    rows = []
    for run, found in _drawn(evidence):
        for region in found.regions:
            error = region.error
            bounds = (error.estimate, error.low, error.high)
            rows.append(_row(run, "region", region.position, *bounds, samples=error.count))
        edges = [found.low, *(region.position for region in found.regions), found.high]
        first, last = found.regions[0].low, found.regions[-1].high
        at = np.array(edges)
        for position, mean, low, high in zip(
            at, found.trend.mean(at), *found.trend.interval(at), strict=True
        ):
            curve = "trend" if first <= position <= last else "trend beyond the data"
            rows.append(_row(run, curve, position, mean, low, high))
        left = found.left_out
        at_last = found.regions[-1].position
        rows.append(
            _row(run, "predicted last region", at_last, left.predicted, left.low, left.high)
        )
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    drawn = _drawn(evidence)
    figure, axes = panels(1, len(drawn), 3.7, sharey=True)
    for number, (run, found) in enumerate(drawn):
        panel = axes[0, number]
        _draw_run(panel, run, found)
        panel.set_xlabel(quantity_label(run.feature, evidence))
        variant = in_lines(run.label) if len(drawn) > 1 else ""
        panel_title(panel, "abc"[number], f"{found.trend.form} trend", variant)
    run, _ = drawn[0]
    statistic = quantity_label(run.statistic, evidence)
    axes[0, 0].set_ylabel(f"mean {statistic}")
    axes[0, 0].set_ylim(0, _top(drawn))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def caption(evidence: StudyEvidence) -> str:
    drawn = _drawn(evidence)
    run, _ = drawn[0]
    feature = titled(run.feature.title, evidence)
    parts = [
        f"Test samples in regions of equal counts by {feature}, each tested separately (dots, 95 % "
        "intervals from resampling blocks), and the trend over them with the 95 % interval of a "
        "further region, extrapolated beyond the data (dashed). Diamond: the last region as "
        "predicted from the others."
    ]
    for run, found in drawn:
        named = f"{run.label}: " if len(drawn) > 1 else ""
        sentences = (trend_sentence(run, found, feature), left_out_sentence(run, found, feature))
        parts.append(named + " ".join(sentences))
    others = sum(run.found is not None for run in run_trends(evidence)) - len(drawn)
    if others:
        parts.append(f"{counted(others, 'further run')} {are(others)} not drawn.")
    return "\n".join(parts)


def reading(evidence: StudyEvidence) -> str:
    """What the trend of the first of the drawn runs predicts beyond the data."""
    (run, found), *others = _drawn(evidence)
    prediction = trend_sentence(run, found, titled(run.feature.title, evidence))
    return f"{run.label}: {prediction}" if others else prediction


def _drawn(evidence: StudyEvidence) -> list[tuple[RunTrend, RegionTrend]]:
    return [(run, run.found) for run in run_trends(evidence) if run.found][:MAX_RUNS]


def _row(
    run: RunTrend,
    curve: str,
    at: float,
    value: float,
    low: float,
    high: float,
    samples: int | None = None,
) -> dict[str, object]:
    row = {"run": run.label, "feature": run.feature.name, "curve": curve, "position": float(at)}
    bounds = {"value": float(value), "low": float(low), "high": float(high)}
    return {**row, **bounds, "samples": samples}


def _draw_run(axes: Axes, run: RunTrend, found: RegionTrend) -> None:
    at = np.linspace(found.low, found.high, POSITIONS)
    mean, (low, high) = found.trend.mean(at), found.trend.interval(at)
    first, last = found.regions[0].low, found.regions[-1].high
    within = (at >= first) & (at <= last)
    axes.fill_between(at, low, high, color=TREND, alpha=0.13, linewidth=0)
    axes.plot(at, np.where(within, mean, np.nan), color=TREND, linewidth=1.8, label="trend")
    axes.plot(
        at, np.where(within, np.nan, mean), color=TREND, linewidth=1.4, linestyle=(0, (3, 2)),
        label="beyond the data",
    )  # fmt: skip
    axes.fill_between([], [], [], color=TREND, alpha=0.2, label="95 % of further regions")
    for number, (region, colour) in enumerate(
        zip(found.regions, shades(len(found.regions)), strict=True)
    ):
        error = region.error
        axes.errorbar(
            [region.position], [error.estimate],
            yerr=error_bars([error.estimate], [error.low], [error.high]), fmt="o", color=colour,
            capsize=2.5, markersize=5.5, label="" if number else "region", zorder=3,
        )  # fmt: skip
    left, position = found.left_out, found.regions[-1].position
    axes.errorbar(
        [position], [left.predicted],
        yerr=error_bars([left.predicted], [left.low], [left.high]), fmt="D", color=PREDICTED,
        capsize=4, markersize=5, markerfacecolor="none", label="last region, predicted", zorder=4,
    )  # fmt: skip
    if run.tolerance is not None:
        label = f"tolerance {run.tolerance:g} {run.statistic.unit}".rstrip()
        axes.axhline(run.tolerance, color=TOLERANCE, linestyle="--", linewidth=1.2, label=label)
    axes.axvspan(found.low, first, color=MUTED, alpha=0.08, linewidth=0)
    axes.axvspan(last, found.high, color=MUTED, alpha=0.08, linewidth=0)
    axes.set_xlim(found.low, found.high)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(colors=INK)


def _top(drawn: list[tuple[RunTrend, RegionTrend]]) -> float:
    """Just above all regions, predictions, and what is tolerated; intervals may be cut."""
    highest = 0.0
    for run, found in drawn:
        errors = [region.error for region in found.regions]
        measured = np.nanmax([[error.estimate, error.high] for error in errors])
        predicted = max(found.left_out.predicted, *found.trend.mean(np.array([found.high])))
        least = max(measured, predicted, run.tolerance or 0.0)
        limit = float(found.trend.interval(np.array([found.high]))[1][0])
        highest = max(highest, min(max(limit, found.left_out.high, least), 2 * least))
    return 1.05 * highest
