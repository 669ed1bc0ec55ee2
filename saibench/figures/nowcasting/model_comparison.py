"""Skill of models against persistence on the same events, by lead time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.nowcasting.errors import (
    RainErrors,
    hours,
    rain_errors,
    rain_partitions,
    why_no_rain,
)
from saibench.analysis.nowcasting.skill import csi_gain, error_skill
from saibench.analysis.tested_models import seeds_text
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.figures.captions import row_text
from saibench.figures.models import draw_band
from saibench.figures.nowcasting.captions import intervals_text
from saibench.figures.nowcasting.panels import interval_row, lead_axis, model_colours
from saibench.figures.questions import BEST
from saibench.figures.style import INK, legend_below, panel_title, panels, styled
from saibench.formatting import counted

title = "Skill against persistence"
paper = ""
question = BEST

MAX_PARTITIONS = 3


@dataclass(frozen=True)
class Score:
    """A score that compares a model with persistence; above 0 the model is better.

    Args:
        statistic: `csi` is for hits, misses and false alarms at the lowest threshold.
        measure: `skill`, or `gain in CSI`.
    """

    statistic: str
    title: str
    measure: str = "skill"


ERRORS = (
    Score("mae", "MAE"),
    Score("active_area_mae", "active-area MAE"),
    Score("displacement", "δr"),
)
CSI = "csi"


def needs(evidence: StudyEvidence, partition: str | None = None) -> str | None:
    if reason := why_no_rain(evidence, [score.statistic for score in ERRORS], partition):
        return reason
    errors = rain_errors(evidence, partition)
    if errors.persistence is None:
        return "It takes a run of persistence. Use model=persistence."
    return None if len(errors.models) > 1 else "It takes another model than persistence."


@once
def table(evidence: StudyEvidence, partition: str | None = None) -> polars.DataFrame:
    """One row per (partition, statistic, model, lead [min]): skill or gain, with its interval.

    `seeds` is the number of seeds, null for a model that was not trained; with two or more, the
    interval includes the variance between them. Skill is 1 − error / error of persistence; for
    the CSI, the difference.
    """
    return polars.concat(
        _compared(errors, score).select(
            polars.lit(errors.partition).alias("partition"),
            polars.lit(score.statistic).alias("statistic"),
            polars.lit(score.measure).alias("measure"),
            polars.all(),
        )
        for errors in _partitions(evidence, partition)
        for score in _scores(errors)
    )


@styled
def draw(evidence: StudyEvidence, partition: str | None = None) -> Figure:
    numbers, parts = table(evidence, partition), _partitions(evidence, partition)[:MAX_PARTITIONS]
    scores = _scores(parts[0])
    figure, axes = panels(2 * len(parts), 2, 0.4 + 5.2 * len(parts), sharex=True)
    letters = iter("abcdefghijkl")
    for number, errors in enumerate(parts):
        colours = model_colours(errors.models)
        of_partition = numbers.filter(polars.col("partition") == errors.partition)
        block = axes[2 * number : 2 * number + 2].flat
        for panel, score in zip(block, scores, strict=False):
            _draw_score(panel, of_partition.filter(statistic=score.statistic), colours)
            where = f", {errors.partition}" if len(parts) > 1 else ""
            panel_title(panel, next(letters), f"{score.title}{where}")
            panel.set_ylabel(score.measure)
    for panel in axes.flat:
        lead_axis(panel, label=panel in axes[-1])
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence, partition: str | None = None) -> str:
    """The model with the best MAE against persistence at the last lead time."""
    rows = table(evidence, partition).filter(statistic="mae")
    rows = rows.filter(partition=rows["partition"][0]).drop_nulls("estimate")
    rows = rows.filter(polars.col("lead") == polars.col("lead").max()).sort("estimate")
    if not rows.height:
        return ""
    best = rows.row(-1, named=True)
    return (
        f"At {hours(best['lead'])}, {best['model']} has the best MAE: its error is "
        f"{row_text(best, '%', 100.0)} below that of persistence on {best['partition']}."
    )


def caption(evidence: StudyEvidence, partition: str | None = None) -> str:
    parts = _partitions(evidence, partition)
    events = ", ".join(
        f"{counted(len(errors.events), 'event')} of {errors.partition}" for errors in parts
    )
    return (
        "Models against persistence by lead time [min], on the same events: for MAE, active-area "
        "MAE and δr (distance of the centres of mass), 1 − mean error / mean error of persistence; "
        "for the CSI over all pixels of all events, the model's minus that of persistence. Above "
        f"0, the model is better. Over {events}. Paired, on the same resampled events. "
        f"{intervals_text(parts[0], seeds=True)}{seeds_text(parts[0].models)}"
    )


def _partitions(evidence: StudyEvidence, partition: str | None) -> list[RainErrors]:
    """The requested partition, or all on which models can be compared."""
    if partition is not None:
        return [rain_errors(evidence, partition)]
    names = [name for name in rain_partitions(evidence) if needs(evidence, name) is None]
    return [rain_errors(evidence, name) for name in names]


def _scores(errors: RainErrors) -> list[Score]:
    if not errors.thresholds:
        return list(ERRORS)
    csi = Score(CSI, f"CSI at {errors.thresholds[0]} mm/h", "gain in CSI")
    return [*ERRORS[:2], csi, *ERRORS[2:]]


def _compared(errors: RainErrors, score: Score) -> polars.DataFrame:
    persistence = errors.persistence
    assert persistence is not None  # checked by `needs`
    rows = [
        {"model": model.label, "lead": lead, "seeds": model.trainings}
        | interval_row(
            csi_gain(errors, model, persistence, errors.thresholds[0], lead)
            if score.statistic == CSI
            else error_skill(errors, model, persistence, score.statistic, lead)
        )
        for model in errors.models
        if model is not persistence
        for lead in errors.leads.tolist()
    ]
    return polars.DataFrame(rows, schema_overrides={"seeds": polars.Int64})


def _draw_score(axes: Axes, numbers: polars.DataFrame, colours: dict[str, str]) -> None:
    axes.axhline(0, color=INK, linewidth=1.0)
    for label in numbers["model"].unique(maintain_order=True):
        of_model = numbers.filter(polars.col("model") == label)
        draw_band(axes, of_model, "lead", colours[label], linewidth=1.8, label=label)
    low = np.nanmin([-0.1, *numbers["estimate"].drop_nans()])
    high = np.nanmax([0.1, *numbers["estimate"].drop_nans()])
    margin = 0.35 * (high - low)
    axes.set_ylim(low - margin, high + margin)
