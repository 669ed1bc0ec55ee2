"""Spread of repeated predictions of an event with different noise."""

from __future__ import annotations

import matplotlib
import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.errors import HOURS, hours, leads_at_hours, why_no_lead
from saibench.analysis.nowcasting.repeated_draws import (
    outliers,
    repeated_draws,
    spread,
    why_no_draws,
)
from saibench.evidence.reader import StudyEvidence
from saibench.figures.nowcasting.captions import missing_hours
from saibench.figures.questions import TRUST
from saibench.figures.style import INK, MUTED, panel_title, panels, styled

title = "Prediction stability"
paper = "Figure 20"
question = TRUST

SCORES = {"mae": ("MAE", "mm/h"), "displacement": ("δr", "km")}
NUM_BINS = 16
MAX_EVENTS = 12
OUTLIER = "#0033cc"


def needs(evidence: StudyEvidence) -> str | None:
    if reason := why_no_draws(evidence):
        return reason
    return why_no_lead(repeated_draws(evidence)["lead"], HOURS)


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (statistic, lead [min], event): mean, spread and outliers over its draws."""
    return polars.concat(
        spread(evidence, name)
        .sort("lead", "sample_id")
        .select(polars.lit(name).alias("statistic"), polars.lit(unit).alias("unit"), polars.all())
        for name, (_, unit) in SCORES.items()
    )


@styled
def draw(evidence: StudyEvidence) -> Figure:
    draws = repeated_draws(evidence)
    events = draws["sample_id"].unique().sort().to_list()[:MAX_EVENTS]
    leads = leads_at_hours(draws["lead"])
    figure, axes = panels(
        len(SCORES), len(leads), 1.2 + 0.5 * len(events), sharey=True, sharex="row"
    )
    letters = iter("abcdef")
    for row, (name, (score, unit)) in zip(axes, SCORES.items(), strict=True):
        for panel, lead in zip(row, leads, strict=True):
            at_lead = draws.filter(polars.col("lead") == lead)
            for position, event in enumerate(events):
                values = at_lead.filter(polars.col("sample_id") == event)[name].drop_nulls()
                _draw_event(panel, values.to_numpy().astype(float), position, unit)
            panel_title(panel, next(letters), f"{score}, {hours(lead)}")
            panel.set_xlabel(f"{score} minus the event's mean [%]")
            panel.set_yticks(range(len(events)), [str(event) for event in events])
            panel.set_ylim(len(events) - 0.1, -0.85)
        left, right = row[0].get_xlim()
        row[0].set_xlim(left, right + 0.3 * (right - left))  # space for the means
        row[0].set_ylabel("event")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The spread over draws at the last hour."""
    lead = leads_at_hours(repeated_draws(evidence)["lead"])[-1]
    width = _width(evidence, lead)
    return (
        f"At {hours(lead)} the standard deviation over draws is {width['mae']:.2g} % of the mean "
        f"for MAE and {width['displacement']:.2g} % for δr (median over events)."
    )


def caption(evidence: StudyEvidence) -> str:
    draws, numbers = repeated_draws(evidence), table(evidence)
    of = {name: numbers.filter(polars.col("statistic") == name) for name in SCORES}
    far = {name: int(rows["outliers"].sum()) for name, rows in of.items()}
    leads = leads_at_hours(draws["lead"])
    events = draws["sample_id"].n_unique()
    drawn = f", {MAX_EVENTS} of them drawn" if events > MAX_EVENTS else ""
    return (
        f"{draws['number'].n_unique():,} predictions of each of {events} events{drawn}, each with "
        "different noise: error of a draw minus the mean over the event's draws, in percent of "
        f"that mean, which is on the right. Histograms of {NUM_BINS} bins per event, each scaled "
        "to its highest bin: wide bins are a wide spread; one colour per event. Blue dots: "
        "outliers, more than 3 interquartile ranges outside the quartiles of the event; over all "
        f"lead times{missing_hours(leads)} there are {far['mae']:,} of MAE and "
        f"{far['displacement']:,} of δr, the distance of the predicted from the observed centre of "
        f"mass. {reading(evidence)}"
    )


def _width(evidence: StudyEvidence, lead: int) -> dict[str, float]:
    """Median over events of the standard deviation over draws, in percent of the mean."""
    return {
        name: rows.select((100 * polars.col("std") / polars.col("mean")).median()).item()
        for (name,), rows in table(evidence).filter(lead=lead).group_by("statistic")
    }


def _draw_event(axes: Axes, values: Floats, position: int, unit: str) -> None:
    """Draw the histogram of an event on its line; y runs downwards."""
    axes.axhline(position, color="#d8d8d8", linewidth=0.6, zorder=0)
    if not len(values) or not values.mean():
        return
    colour = matplotlib.colormaps["tab10"](position % 10)
    away = 100 * (values / values.mean() - 1)
    counts, edges = np.histogram(away, NUM_BINS)
    heights = position - 0.8 * counts / counts.max()
    axes.stairs(heights, edges, baseline=position, fill=True, color=colour, alpha=0.75)
    axes.stairs(heights, edges, baseline=position, color=INK, linewidth=0.5)
    far = away[outliers(values)]
    axes.plot(far, np.full(len(far), position - 0.12), "o", color=OUTLIER, markersize=3.2)
    axes.text(
        1.0, position - 0.1, f"{values.mean():.3g} {unit}", transform=axes.get_yaxis_transform(),
        ha="right", fontsize=7.5, color=MUTED,
    )  # fmt: skip
