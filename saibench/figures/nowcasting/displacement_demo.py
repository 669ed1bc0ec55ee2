"""MAE and displacement of rain that is moved step by step against itself."""

from __future__ import annotations

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.event_means import mean_over_events
from saibench.analysis.nowcasting.moved_rain import by_shift, shifted_events, shifts, why_no_shifts
from saibench.evidence.reader import StudyEvidence
from saibench.figures.models import draw_band
from saibench.figures.nowcasting.captions import too_few
from saibench.figures.nowcasting.panels import interval_row
from saibench.figures.questions import DRIVERS
from saibench.figures.style import INK, MUTED, PALETTE, from_zero, panel_title, panels, styled

title = "Errors of displaced rain"
paper = "Figure 13"
question = DRIVERS

SCORES = {"mae": "mm/h", "displacement": "km"}
MAX_LINES = 60
SATURATED = 0.9


def needs(evidence: StudyEvidence) -> str | None:
    return why_no_shifts(evidence)


def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (statistic, shift [km]): the mean over events with its interval."""
    events = shifted_events(evidence)
    return polars.DataFrame(
        [
            {"statistic": score, "unit": unit, "shift": int(shift)}
            | interval_row(mean_over_events(of_shift, events))
            for score, unit in SCORES.items()
            for shift, of_shift in zip(shifts(evidence), by_shift(evidence, score).T, strict=True)
        ]
    )


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers, moved = table(evidence), shifts(evidence)
    figure, axes = panels(1, 2, 3.6)
    for panel, score, colour in zip(axes[0], SCORES, PALETTE, strict=False):
        means = numbers.filter(polars.col("statistic") == score)
        _draw_score(panel, moved, by_shift(evidence, score), means, colour)
    error, distance = axes[0]
    distance.plot(moved[[0, -1]], moved[[0, -1]], color=INK, linestyle=":", label="δr = shift")
    distance.legend(loc="upper left")
    panel_title(error, "a", "MAE of a frame against itself, moved")
    panel_title(distance, "b", "displacement of the centre of mass")
    error.set_ylabel("MAE [mm/h]")
    distance.set_ylabel("δr [km]")
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The shift from which the MAE no longer tells distances apart."""
    errors = table(evidence).filter(statistic="mae")
    most = float(errors["estimate"].to_numpy().max())
    enough = errors.filter(polars.col("estimate") >= SATURATED * most)["shift"][0]
    return (
        f"The mean MAE reaches {100 * SATURATED:.0f} % of its largest value, {most:.3g} mm/h, at a "
        f"shift of {enough} km and is insensitive to larger ones; δr stays equal to the shift."
    )


def caption(evidence: StudyEvidence) -> str:
    events = len(by_shift(evidence, "mae"))
    drawn = f", {MAX_LINES} of them drawn" if events > MAX_LINES else ""
    return (
        f"The last observed frame of {events:,} events{drawn}, moved against itself in a larger "
        "empty field that no rain leaves. (a) Mean absolute error of the rain rate [mm/h] "
        "over the pixels of the unmoved field; (b) distance of the centres of mass δr [km]; thin "
        "lines: events, thick: their mean, with its 95 % interval from resampling whole events. "
        f"{reading(evidence)}{too_few(events)}"
    )


def _draw_score(
    axes: Axes, moved: np.ndarray, values: Floats, means: polars.DataFrame, colour: str
) -> None:
    chosen = np.linspace(0, len(values) - 1, min(MAX_LINES, len(values))).astype(int)
    axes.plot(moved, values[chosen].T, color=MUTED, linewidth=0.5, alpha=0.45)
    draw_band(axes, means, "shift", colour, linewidth=2.4, marker="o", markersize=4)
    axes.set_xlabel("shift [km]")
    axes.set_xlim(left=0)
    from_zero(axes)
