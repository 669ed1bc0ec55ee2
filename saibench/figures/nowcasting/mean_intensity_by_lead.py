"""Distributions of the observed rain rate of the test events, by lead time."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.figure import Figure

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.errors import HOURS, RainErrors, hours, rain_errors, why_no_rain
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.analysis.sample_means import relative_change
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import first_and_last
from saibench.figures.nowcasting.captions import events_text, hours_text, intervals_text
from saibench.figures.nowcasting.panels import draw_histogram, histogram_edges, histogram_rows
from saibench.figures.questions import DRIVERS
from saibench.figures.style import PALETTE, panel_title, panels, styled
from saibench.formatting import bracketed

title = "Mean intensity of the events"
paper = "Figure 16"
question = DRIVERS


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    return why_no_rain(evidence, ["observed_rate"], partition, HOURS)


def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """One row per (lead [min], bin [mm/h]): number of events by mean observed rain rate."""
    rates = _rates(evidence, partition)
    edges = histogram_edges(list(rates.values()))
    return polars.DataFrame(
        [
            {"lead": lead, **row}
            for lead, values in rates.items()
            for row in histogram_rows(values, edges)
        ]
    )


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    rates = _rates(evidence, partition)
    edges = histogram_edges(list(rates.values()))
    figure, axes = panels(1, len(rates), 3.0, sharex=True, sharey=True)
    for letter, panel, (lead, values) in zip("abc", axes[0], rates.items(), strict=False):
        draw_histogram(panel, values, edges, PALETTE[0])
        panel_title(panel, letter, f"{hours(lead)}: {_mean_text(values)}")
        panel.set_xlabel("mean observed rain rate [mm/h]")
    axes[0, 0].set_ylabel("events")
    return figure


def _mean_text(values: Floats) -> str:
    defined = values[~np.isnan(values)]
    return f"mean {defined.mean():.3g} mm/h" if defined.size else "no event"


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """The mean observed rain rate at the first and the last hour."""
    errors, rates = rain_errors(evidence, partition), _rates(evidence, partition)
    means = [
        f"{bracketed(mean_over_events(values, errors.samples), 'mm/h')} at {hours(lead)}"
        for lead, values in rates.items()
    ]
    ends = first_and_last(means)
    return f"The observed rain rate is {ends} of lead time, averaged over events."


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    errors, rates = rain_errors(evidence, partition), _rates(evidence, partition)
    means = ", ".join(
        f"{bracketed(mean_over_events(values, errors.samples))} at {hours(lead)}"
        for lead, values in rates.items()
    )
    return (
        "Observed rain rate averaged over a frame's valid pixels [mm/h], one value per event, at "
        f"{hours_text(errors.hours)}, over {events_text(errors)}. Line: mean over "
        f"events, {means} mm/h{_change(errors, rates)}. Last bin: including larger values. "
        f"{intervals_text(errors)}"
    ).replace("-", "−")


def _change(errors: RainErrors, rates: dict[int, Floats]) -> str:
    """A clause on the change from the first to the last hour, if there are several."""
    if len(rates) < 2:
        return ""
    (start, first), *_, (end, last) = rates.items()
    change = relative_change(first, last, errors.samples)
    bounds = f" [{100 * change.low:+.0f}, {100 * change.high:+.0f}]"
    lighter, known = int((last < first).sum()), int((~np.isnan(first + last)).sum())
    return (
        f", a change of {100 * change.estimate:+.0f} %{'' if np.isnan(change.low) else bounds} "
        f"from {hours(start)} to {hours(end)}; {lighter:,} of {known:,} events rain less at "
        f"{hours(end)} than at {hours(start)}"
    )


def _rates(evidence: StudyEvidence, partition: str | None) -> dict[int, Floats]:
    """Observed rain rates of the events by lead time."""
    errors = rain_errors(evidence, partition)
    return {lead: errors.at(errors.models[0], "observed_rate", lead) for lead in errors.hours}
