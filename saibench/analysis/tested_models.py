"""The models of a study, and comparisons of their errors on the same samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import polars

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.sample_means import interval_of_means, relative_change
from saibench.analysis.seeds import over_seeds
from saibench.evidence.selection import SEED, differing, is_trained, setting_text

NAME = "model.name"


@dataclass(frozen=True)
class TestedModel:
    """Runs of a study that differ in their seed only.

    Args:
        name: of the model.
        label: unique among the study's models.
        points: one per seed.
        settings: those in which the study's models differ.
        trains: whether its runs trained it.
    """

    __test__ = False  # no class of tests

    name: str
    label: str
    points: tuple[str, ...]
    settings: Mapping[str, Any]
    trains: bool = True

    @property
    def trainings(self) -> int | None:
        """Number of seeds that it was trained with; None if it was not trained."""
        return len(self.points) if self.trains else None

    @property
    def varies(self) -> bool:
        """Whether its predictions depend on the seed."""
        return self.trains or len(self.points) > 1

    def first_seed(self) -> Self:
        """Its first run only, where a mean over seeds would not be a prediction."""
        return replace(self, points=self.points[:1])

    def seeds(self) -> list[Self]:
        """One model per run."""
        return [replace(self, points=(point,)) for point in self.points]


def tested_models(points: polars.DataFrame) -> list[TestedModel]:
    """Group runs into models.

    A label is the model's name and, if several models have it, the settings in which they differ.
    """
    varied = [name for name in differing(points) if name != SEED]
    groups = [group for _, group in points.group_by(varied, maintain_order=True)] if varied else []
    return [_model(points, group, varied) for group in groups or [points]]


def fewest_trainings(models: Iterable[TestedModel]) -> int | None:
    """The smallest number of seeds of a trained model; None if no model was trained."""
    known = (model.trainings for model in models)
    return min((trainings for trainings in known if trainings is not None), default=None)


def seeds_text(models: Sequence[TestedModel]) -> str:
    """Which models' intervals cover seeds, and which models have a single seed."""
    several = ", ".join(
        f"{model.label}, {model.trainings} seeds" for model in models if (model.trainings or 0) > 1
    )
    single = ", ".join(model.label for model in models if model.trainings == 1)
    covered = f" They also cover other seeds ({several})." if several else ""
    return f"{covered}{f' For these trained nets only (one seed): {single}.' if single else ''}"


ValuesOf = Callable[[Any], Floats]
"""Model → `(N,)` values of the samples, means over its runs; NaN where undefined."""


def over_trained_seeds(measure: Callable[..., Interval], *models: TestedModel) -> Interval:
    """`measure(*models)` with an interval over seeds; untrained models need only one."""
    varied = [number for number, model in enumerate(models) if model.varies]

    def of_varied(*own: TestedModel) -> Interval:
        replaced = dict(zip(varied, own, strict=True))
        return measure(*(replaced.get(number, model) for number, model in enumerate(models)))

    return over_seeds(of_varied, *(models[number] for number in varied))


def mean_error(values: ValuesOf, samples: polars.DataFrame, model: TestedModel) -> Interval:
    """Mean over the defined samples and over the model's seeds."""
    return over_trained_seeds(
        lambda own: interval_of_means(lambda mean: mean, samples, values(own)), model
    )


def error_change(
    values: ValuesOf, samples: polars.DataFrame, before: TestedModel, after: TestedModel
) -> Interval:
    """Relative change of the mean error from one model to the other."""
    return over_trained_seeds(
        lambda first, second: relative_change(values(first), values(second), samples), before, after
    )


def error_skill(
    values: ValuesOf, samples: polars.DataFrame, model: TestedModel, reference: TestedModel
) -> Interval:
    """Skill score 1 − mean error / the reference's mean error, over samples defined for both."""
    return over_seeds(
        lambda own: interval_of_means(
            lambda one, other: 1 - one / other, samples, values(own), values(reference)
        ),
        model,
    )


def _model(points: polars.DataFrame, cell: polars.DataFrame, varied: Sequence[str]) -> TestedModel:
    name = str(cell[NAME][0]) if NAME in cell.columns else ""
    same_name = points.filter(polars.col(NAME) == name) if name else points
    words = [setting_text(one, cell[one][0]) for one in _distinguishing(same_name, varied)]
    if name and (not words or same_name.height < points.height):
        words.insert(0, name.replace("_", " "))
    settings = {setting: cell[setting][0] for setting in varied}
    trains = is_trained(json.loads(cell["record"][0]))
    return TestedModel(name, ", ".join(words) or "model", tuple(cell["point"]), settings, trains)


def _distinguishing(points: polars.DataFrame, varied: Sequence[str]) -> list[str]:
    """The first settings that distinguish these models; later ones depend on them."""
    chosen: list[str] = []
    for setting in varied:
        found = points.select(chosen).unique().height if chosen else 1
        if points.select(*chosen, setting).unique().height > found:
            chosen.append(setting)
    return chosen
