"""The differential trend (eq. 8): predicted against observed change of the rain rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.nowcasting.errors import HOURS, hours, rain_errors, why_no_rain
from saibench.analysis.nowcasting.trend import Trends, differential_trend
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting.captions import (
    events_text,
    few_text,
    first_models,
    missing_hours,
    single_seeds,
)
from saibench.figures.nowcasting.panels import FEW, dots, model_colours, row_label
from saibench.figures.questions import DRIVERS
from saibench.figures.style import MUTED, panel_title, panels, styled

title = "Differential trend"
paper = "Figure 19"
question = DRIVERS

MAX_MODELS = 4
WITHIN = 0.99
"""Fraction of the trends inside the panels; a few strong events would hide the others."""
CORNERS = ((0.97, 0.97), (0.03, 0.97), (0.03, 0.03), (0.97, 0.03))
"""Positions of the counts of quadrants I to IV."""


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    return why_no_rain(evidence, ["observed_rate", "predicted_rate"], partition, HOURS)


def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """One row per (model, lead [min], event): observed and predicted trend [mm/h]."""
    errors = rain_errors(evidence, partition)
    return polars.concat(
        polars.DataFrame(
            {
                "model": [model.label] * len(errors.events),
                "lead": [lead] * len(errors.events),
                "sample_id": errors.events,
                "observed_trend": trends.observed,
                "predicted_trend": trends.predicted,
            }
        ).fill_nan(None)
        for model in errors.models
        for lead in errors.hours
        for trends in [differential_trend(errors, model.first_seed(), lead)]
    )


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    errors = rain_errors(evidence, partition)
    models = errors.models[:MAX_MODELS]
    found = {
        (model.label, lead): differential_trend(errors, model.first_seed(), lead)
        for model in models
        for lead in errors.hours
    }
    limit = _limit(list(found.values()))
    figure, axes = panels(
        len(models), len(errors.hours), 0.3 + 3.4 * len(models), sharex=True, sharey=True
    )
    letters = iter("abcdefghijkl")
    for row, model in zip(axes, models, strict=True):
        colour = model_colours(errors.models)[model.label]
        for panel, lead in zip(row, errors.hours, strict=True):
            _draw_trends(panel, found[model.label, lead], colour, limit)
            variant = row_label(model, models, first=panel is row[0])
            panel_title(panel, next(letters), hours(lead), variant)
        row[0].set_ylabel("predicted trend [mm/h]")
    for panel in axes[-1]:
        panel.set_xlabel("observed trend [mm/h]")
    return figure


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """For how many events the first model predicts growth or decay rightly at the last hour."""
    rows = table(evidence, partition).drop_nulls()
    rows = rows.filter(polars.col("lead") == polars.col("lead").max(), model=rows["model"].first())
    if not rows.height:
        return ""
    right = int((rows["observed_trend"].sign() == rows["predicted_trend"].sign()).sum())
    return (
        f"{rows['model'][0]} predicts rightly whether it rains more or less after "
        f"{hours(rows['lead'][0])} than at first for {right:,} of {rows.height:,} events."
    )


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    errors = rain_errors(evidence, partition)
    return (
        "Change of a frame's mean rain rate since the observed first target frame [mm/h], "
        f"predicted against observed, one dot per event, over {events_text(errors)}"
        f"{missing_hours(errors.hours)}. Red: a perfect prediction. Numbers: events in each "
        "quadrant; right: growing events, top: events predicted to grow. Open dots: events outside "
        "the axes."
        f"{single_seeds(errors.models)}{first_models(MAX_MODELS, len(errors.models))}"
        f"{few_text(errors)}"
    )


def _limit(found: Sequence[Trends]) -> float:
    """Limit of all axes in mm/h; the largest of many trends are outside."""
    sizes = np.abs(np.concatenate([np.r_[trends.observed, trends.predicted] for trends in found]))
    if np.isnan(sizes).all():
        return 1.0
    share = WITHIN if found[0].count > FEW else 1.0
    return 1.15 * float(np.nanquantile(sizes, share))


def _draw_trends(axes: Axes, trends: Trends, colour: str, limit: float) -> None:
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.plot([-limit, limit], [-limit, limit], color="#d62728", linewidth=1.3)
    beyond = np.maximum(np.abs(trends.observed), np.abs(trends.predicted)) > limit
    inside = trends.observed[~beyond], trends.predicted[~beyond]
    axes.scatter(*inside, color=colour, **dots(trends.count))
    axes.scatter(
        np.clip(trends.observed[beyond], -limit, limit),
        np.clip(trends.predicted[beyond], -limit, limit),
        facecolors="white", edgecolors=colour, s=22, clip_on=False, zorder=3,
    )  # fmt: skip
    for (x, y), count in zip(CORNERS, trends.quadrants(), strict=True):
        axes.text(
            x, y, f"{count:,}", transform=axes.transAxes,
            ha="right" if x > 0.5 else "left", va="top" if y > 0.5 else "bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )  # fmt: skip
    limit = limit or 1.0  # if no event changes
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.set_aspect("equal")
