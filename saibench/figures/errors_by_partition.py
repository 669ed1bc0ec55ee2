"""Errors of all models by test partition, for any statistic."""

from __future__ import annotations

import polars
from matplotlib.figure import Figure

from saibench.analysis.model_errors import ModelErrors, compared_models, model_errors
from saibench.analysis.tested_models import error_change, mean_error, seeds_text
from saibench.errors import UserError
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.captions import ends, row_text
from saibench.figures.models import (
    CHANGE,
    MAX_MODELS,
    MEAN,
    draw_mean_and_change,
    first_models,
    interval_row,
    model_colours,
)
from saibench.figures.questions import BEST
from saibench.figures.style import axis_label, legend_below, panel_title, panels, styled
from saibench.formatting import capitalized

title = "Errors by test partition"
paper = ""
question = BEST

MAX_STATISTICS = 3


def needs(evidence: StudyEvidence) -> str | None:
    partitions = _partitions(evidence)
    if len(partitions) < 2:
        return "It takes two test partitions that all runs have."
    try:
        return None if _shared(evidence) else "No statistic is known for all models and partitions."
    except UserError as error:
        return str(error)


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (statistic, partition, model, measure).

    The mean is in the statistic's unit, over the labels of its axis if it has one; the relative
    change is that of the model's mean from the reference's, on the same samples.
    """
    models, reference = compared_models(evidence, _partitions(evidence))
    rows = []
    for of_partitions in _shared(evidence):
        for errors in of_partitions:
            row = {"statistic": errors.statistic.title, "unit": errors.statistic.unit}
            row |= {"partition": errors.partition}
            for model in models:
                mean = mean_error(errors.over_axis, errors.samples, model)
                rows.append({**row, "model": model.label, "measure": MEAN} | interval_row(mean))
                if model is not reference:
                    change = error_change(errors.over_axis, errors.samples, reference, model)
                    changed = {**row, "model": model.label, "measure": CHANGE}
                    rows.append(changed | interval_row(change))
    return polars.DataFrame(rows)


@styled
def draw(evidence: StudyEvidence) -> Figure:
    models, reference = compared_models(evidence, _partitions(evidence))
    by_statistic = _shared(evidence)[:MAX_STATISTICS]
    drawn = [*models[: MAX_MODELS - 1], reference][-MAX_MODELS:]
    colours = model_colours(drawn, [reference.label])
    numbers = table(evidence).filter(polars.col("model").is_in(list(colours)))
    figure, axes = panels(len(by_statistic), 2, 0.5 + 2.9 * len(by_statistic), sharex=True)
    letters = iter("abcdef")
    for (absolute, relative), (first, *_) in zip(axes, by_statistic, strict=True):
        statistic = first.statistic
        own = numbers.filter(polars.col("statistic") == statistic.title)
        draw_mean_and_change(absolute, relative, own, colours)
        panel_title(absolute, next(letters), titled(statistic.title, evidence))
        panel_title(relative, next(letters), f"relative to {reference.label}")
        absolute.set_ylabel(axis_label("mean", statistic.unit))
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The first error of the first model on the partitions where it is smallest and largest."""
    numbers = table(evidence).filter(measure=MEAN)
    first = numbers.row(0, named=True)
    own = numbers.filter(statistic=first["statistic"], model=first["model"])
    low, high = ends(own, "estimate")
    name = titled(first["statistic"], evidence)
    return (
        f"{capitalized(name)} of {first['model']} is {row_text(low)} on "
        f"{low['partition']} and {row_text(high, first['unit'])} on {high['partition']}."
    )


def caption(evidence: StudyEvidence) -> str:
    models, reference = compared_models(evidence, _partitions(evidence))
    samples = _shared(evidence)[0]
    counts = "; ".join(
        f"{errors.samples.height:,} samples of {errors.partition}" for errors in samples
    )
    return (
        f"Mean errors (left), and their relative change from those of {reference.label} on the "
        f"same samples, paired (right), by test partition: {counts}, without training samples of "
        "any model. Intervals: 95 %, from resampling independent blocks of the test."
        f"{seeds_text(models)}{first_models(len(models))}"
    )


def _partitions(evidence: StudyEvidence) -> list[str]:
    """The partitions on which every run was tested, in their order."""
    tested = list(evidence.metrics.values())
    return [name for name in (tested[0] if tested else ()) if all(name in one for one in tested)]


def _shared(evidence: StudyEvidence) -> list[list[ModelErrors]]:
    """For each statistic that is known on all partitions, the errors on each."""
    partitions = _partitions(evidence)
    models, _ = compared_models(evidence, partitions)
    known = [
        {errors.statistic.title: errors for errors in model_errors(evidence, models, partition)}
        for partition in partitions
    ]
    return [[one[name] for one in known] for name in known[0] if all(name in one for one in known)]
