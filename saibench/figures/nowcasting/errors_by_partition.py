"""Errors of models trained on different events, by test partition."""

from __future__ import annotations

from collections.abc import Sequence

import polars
from matplotlib.figure import Figure

from saibench.analysis.nowcasting.errors import (
    HOURS,
    RainErrors,
    hours,
    rain_errors,
    rain_partitions,
    why_no_rain,
)
from saibench.analysis.nowcasting.skill import error_change, mean_error
from saibench.analysis.tested_models import seeds_text
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import ends, row_text
from saibench.figures.models import CHANGE, MEAN, draw_mean_and_change
from saibench.figures.nowcasting.captions import few_text, intervals_text
from saibench.figures.nowcasting.panels import interval_row, model_colours
from saibench.figures.questions import BEST
from saibench.figures.style import legend_below, panel_title, panels, styled
from saibench.formatting import counted

title = "Errors by test partition"
paper = ""
question = BEST

SCORES = {"mae": "MAE", "active_area_mae": "active-area MAE"}
LEAD = HOURS[0]


def needs(evidence: StudyEvidence) -> str | None:
    reasons = (why_no_rain(evidence, SCORES, name, (LEAD,)) for name in rain_partitions(evidence))
    if reason := next(filter(None, reasons), None):
        return reason
    compared = _partitions(evidence)
    if len(compared) < 2 or len(compared[0].models) < 2:
        return "It takes two models and two test partitions."
    return None


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (partition, statistic, measure, model) at 60 minutes.

    The mean is in mm/h; the relative change is that of the model's mean from the last model's.
    """
    rows = []
    for errors in _partitions(evidence):
        for name in SCORES:
            for model in errors.models:
                row = {"partition": errors.partition, "statistic": name, "model": model.label}
                mean = interval_row(mean_error(errors, model, name, LEAD))
                rows.append({**row, "measure": MEAN} | mean)
                if model is not errors.models[-1]:
                    change = interval_row(
                        error_change(errors, errors.models[-1], model, name, LEAD)
                    )
                    rows.append({**row, "measure": CHANGE} | change)
    return polars.DataFrame(rows)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    numbers, models = table(evidence), _partitions(evidence)[0].models
    colours = model_colours(models)
    figure, axes = panels(len(SCORES), 2, 0.5 + 2.9 * len(SCORES), sharex=True)
    letters = iter("abcd")
    lead = hours(_partitions(evidence)[0].lead_at(LEAD))
    for (absolute, relative), (name, label) in zip(axes, SCORES.items(), strict=True):
        of_score = numbers.filter(polars.col("statistic") == name)
        draw_mean_and_change(absolute, relative, of_score, colours)
        panel_title(absolute, next(letters), f"{label} at {lead}")
        panel_title(relative, next(letters), f"{label} relative to {models[-1].label}")
        absolute.set_ylabel(f"{label} [mm/h]")
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The MAE of the first model on the partitions where it is smallest and largest."""
    rows = table(evidence).filter(measure=MEAN, statistic="mae")
    low, high = ends(rows.filter(model=rows["model"][0]), "estimate")
    return (
        f"The MAE of {low['model']} is {row_text(low)} on {low['partition']} and "
        f"{row_text(high, 'mm/h')} on {high['partition']}, at {hours(LEAD)} of lead time."
    )


def caption(evidence: StudyEvidence) -> str:
    compared = _partitions(evidence)
    events = "; ".join(
        f"{counted(len(errors.events), 'event')} of {errors.partition} ({errors.describe})"
        for errors in compared
    )
    fewest = min(compared, key=lambda errors: len(errors.events))
    few = "" if few_text(compared[0]) else few_text(fewest)
    return (
        f"Means over events at {hours(compared[0].lead_at(LEAD))} of lead time [mm/h] (left), and "
        f"their relative change from those of {compared[0].models[-1].label} on the same events, "
        f"paired (right), by test partition: {events}. "
        f"{intervals_text(compared[0], seeds=True)}{few}{seeds_text(compared[0].models)}"
    )


def _partitions(evidence: StudyEvidence) -> Sequence[RainErrors]:
    return [rain_errors(evidence, name) for name in rain_partitions(evidence)]
