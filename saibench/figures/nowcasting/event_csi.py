"""CSI by threshold of three events that respond differently."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.nowcasting.errors import (
    RainErrors,
    mean_of_defined,
    rain_errors,
    why_no_rain,
)
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting.captions import events_text, few_text, single_seeds
from saibench.figures.nowcasting.panels import lead_axis
from saibench.figures.questions import BEST
from saibench.figures.style import legend_below, panel_title, panels, shades, styled

title = "CSI of single events"
paper = "Figure 14"
question = BEST

MOST, LEAST = "most", "least"
RANKS = (MOST, "median", LEAST)


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    if reason := why_no_rain(evidence, ["observed_rate"], partition):
        return reason
    errors = rain_errors(evidence, partition)
    if not errors.thresholds:
        return f"The frames of {errors.partition} have no CSI."
    return None if len(errors.events) > 2 else "It takes three events."


def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """One row per (event, threshold [mm/h], lead [min]): its CSI, null if undefined."""
    errors = rain_errors(evidence, partition)
    model = errors.subjects[0].first_seed()
    rates = mean_of_defined(errors.values(model, "observed_rate"))
    rows = [
        {
            "response": rank,
            "sample_id": int(errors.events[event]),
            "mean_observed_rate": float(rates[event]),
            "threshold": float(threshold),
            "lead": int(lead),
            "csi": None if np.isnan(csi) else float(csi),
        }
        for rank, event in zip(RANKS, chosen_events(errors), strict=True)
        for threshold in errors.thresholds
        for lead, csi in zip(
            errors.leads, errors.values(model, f"csi_{threshold}")[event], strict=True
        )
    ]
    return polars.DataFrame(rows, infer_schema_length=None)


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    numbers = table(evidence, partition)
    figure, axes = panels(1, 3, 3.4, sharey=True)
    for letter, panel, rank in zip("abc", axes[0], RANKS, strict=True):
        event = numbers.filter(polars.col("response") == rank)
        _draw_event(panel, event)
        rate = event["mean_observed_rate"][0]
        panel_title(panel, letter, f"{rank}: event {event['sample_id'][0]}, {rate:.2g} mm/h")
    axes[0, 0].set_ylim(-0.02, 1.02)
    axes[0, 0].set_ylabel("CSI")
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """The mean CSI over lead times of the drawn events at the lowest threshold."""
    rows = table(evidence, partition)
    lowest = float(rows["threshold"].to_numpy().min())
    over_leads = (
        rows.filter(threshold=lowest)
        .group_by("response")
        .agg(polars.col("csi").cast(polars.Float64).mean())
    )
    means = dict(over_leads.rows())
    most, least = means[MOST], means[LEAST]
    if most is None:
        return ""
    last = "undefined" if least is None else f"{least:.2f}"
    model = rain_errors(evidence, partition).subjects[0].label
    return (
        f"The CSI of {model} at {lowest:g} mm/h, averaged over lead times, is {most:.2f} in "
        f"the event with the highest response and {last} in that with the lowest."
    )


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    errors = rain_errors(evidence, partition)
    model = errors.subjects[0]
    return (
        f"Critical success index of {model.label} by lead time [min] for three of the "
        f"{events_text(errors)}: those with the highest, median and lowest response, which is the "
        "mean CSI over thresholds and lead times with undefined values as 0; with the mean "
        "observed rain rate of their target frames. Lines have gaps where neither observation nor "
        "prediction reaches the threshold: CSI is undefined "
        f"there.{single_seeds([model])}{few_text(errors)}"
    )


def chosen_events(errors: RainErrors) -> list[int]:
    """Positions of the events with the highest, median and lowest response."""
    model = errors.subjects[0].first_seed()
    scores = np.stack([errors.values(model, f"csi_{level}") for level in errors.thresholds])
    response = np.nan_to_num(scores).mean(axis=(0, 2))
    defined = (~np.isnan(scores)).mean(axis=(0, 2))  # breaks ties if all CSI are 0
    order = np.lexsort((errors.events, -defined, -response))
    return [int(order[0]), int(order[len(order) // 2]), int(order[-1])]


def _draw_event(axes: Axes, event: polars.DataFrame) -> None:
    thresholds = event["threshold"].unique(maintain_order=True).to_list()
    widest = len(thresholds) - 1  # keeps coinciding lines visible
    for narrower, (threshold, colour) in enumerate(
        zip(thresholds, shades(len(thresholds)), strict=True)
    ):
        line = event.filter(polars.col("threshold") == threshold)
        axes.plot(
            line["lead"],
            line["csi"].cast(polars.Float64).fill_null(np.nan),
            color=colour,
            marker="o",
            markersize=3 + 1.6 * (widest - narrower),
            linewidth=1.3 + 0.9 * (widest - narrower),
            label=f"≥ {threshold:g} mm/h",
        )
    if event["csi"].null_count() == event.height:
        axes.text(0.5, 0.5, "no CSI", transform=axes.transAxes, ha="center", color="#555555")
    lead_axis(axes)
