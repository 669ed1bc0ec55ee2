"""Skill of models against a reference on the same samples, for any statistic."""

from __future__ import annotations

import polars
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saibench.analysis.answers import study_answers
from saibench.analysis.bootstrap import Interval
from saibench.analysis.model_errors import ModelErrors, compared_models, model_errors
from saibench.analysis.tested_models import TestedModel, error_skill, seeds_text
from saibench.errors import UserError
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.figures.captions import partition_text
from saibench.figures.models import (
    MAX_MODELS,
    draw_band,
    first_models,
    interval_row,
    model_colours,
)
from saibench.figures.questions import BEST
from saibench.figures.style import INK, draw_intervals, legend_below, panel_title, panels, styled

title = "Models against a reference"
paper = ""
question = BEST

MAX_STATISTICS = 4
Compared = tuple[list[TestedModel], TestedModel, list[ModelErrors]]


def needs(evidence: StudyEvidence) -> str | None:
    try:
        _, _, found = _compared(evidence)
    except UserError as error:
        return str(error)
    return None if found else f"No error on {evidence.held_out} is known for all models."


@once
def table(evidence: StudyEvidence) -> polars.DataFrame:
    """One row per (statistic, label of its axis, model): skill, with its interval.

    Skill is 1 − mean error / mean error of the reference. `seeds` is the number of seeds, null for
    a model that was not trained.
    """
    models, reference, found = _compared(evidence)
    rows = [
        {"statistic": errors.statistic.title, "label": label, "model": model.label}
        | {"reference": reference.label, "seeds": model.trainings}
        | interval_row(_skill(errors, label, model, reference))
        for errors in found
        for label in errors.labels
        for model in models
        if model is not reference
    ]
    return polars.DataFrame(rows, schema_overrides={"seeds": polars.Int64})


@styled
def draw(evidence: StudyEvidence) -> Figure:
    models, reference, found = _compared(evidence)
    numbers, drawn = table(evidence), found[:MAX_STATISTICS]
    colours = model_colours(models[:MAX_MODELS], [reference.label])
    rows = (len(drawn) + 1) // 2
    figure, axes = panels(rows, min(2, len(drawn)), 0.5 + 3.0 * rows)
    for letter, errors, panel in zip("abcd", drawn, axes.flat, strict=False):
        own = numbers.filter(
            (polars.col("statistic") == errors.statistic.title)
            & polars.col("model").is_in(list(colours))
        )
        panel.axhline(0, color=INK, linewidth=1.0)
        _draw_skill(panel, errors, own, colours)
        panel.set_xlabel(titled(errors.axis, evidence))
        panel_title(panel, letter, titled(errors.statistic.title, evidence))
        panel.set_ylabel(f"skill against {reference.label}")
    for unused in axes.flat[len(drawn) :]:
        unused.set_visible(False)
    legend_below(figure, axes[0, 0])
    return figure


def reading(evidence: StudyEvidence) -> str:
    """The best run, and whether the difference from the second best is real."""
    answer = study_answers(evidence).best
    return answer.sentence if answer.numbers else ""


def caption(evidence: StudyEvidence) -> str:
    models, reference, found = _compared(evidence)
    names = ", ".join(
        f"{titled(errors.statistic.title, evidence)} ({errors.statistic.describe})"
        if errors.statistic.describe
        else titled(errors.statistic.title, evidence)
        for errors in found[:MAX_STATISTICS]
    )
    return (
        f"Skill against {reference.label}: 1 − mean error / mean error of {reference.label}, for "
        f"{names}. Above 0, the model is better. Over {partition_text(evidence)}, without training "
        "samples of any model; paired, on the same resampled samples. Intervals: 95 %, from "
        "resampling independent blocks of the test."
        f"{seeds_text([model for model in models if model is not reference])}"
        f"{first_models(len(models))}"
    )


@once
def _compared(evidence: StudyEvidence) -> Compared:
    models, reference = compared_models(evidence, [evidence.held_out])
    return models, reference, model_errors(evidence, models, evidence.held_out)


def _skill(errors: ModelErrors, label: str, model: TestedModel, reference: TestedModel) -> Interval:
    return error_skill(lambda own: errors.at(own, label), errors.samples, model, reference)


def _draw_skill(
    axes: Axes, errors: ModelErrors, numbers: polars.DataFrame, colours: dict[str, str]
) -> None:
    """Draw a band over the labels of an axis, or a dot per model without an axis."""
    labels = numbers["model"].unique(maintain_order=True).to_list()
    if len(errors.labels) == 1:
        for position, label in enumerate(labels):
            row = numbers.filter(polars.col("model") == label)
            style = {"color": colours[label], "fmt": "o", "capsize": 3, "label": label}
            draw_intervals(axes, [position], row, **style)
        axes.set_xticks([])
        axes.set_xlim(-0.5, len(labels) - 0.5)
        return
    places = polars.DataFrame({"label": errors.labels, "place": _places(errors.labels)})
    for label in labels:
        of_model = numbers.filter(polars.col("model") == label).join(
            places, on="label", maintain_order="left"
        )
        draw_band(axes, of_model, "place", colours[label], linewidth=1.8, label=label)
    if places["place"].to_list() == list(range(len(errors.labels))):
        axes.set_xticks(places["place"], errors.labels)


def _places(labels: tuple[str, ...]) -> list[float]:
    """The labels as numbers; their positions if any is not a number."""
    try:
        return [float(label) for label in labels]
    except ValueError:
        return [float(position) for position in range(len(labels))]
