"""Which run of a study has the smallest error, and whether that is significant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saibench.analysis.answers.answer import Answer
from saibench.analysis.answers.tested import tested_points
from saibench.analysis.bootstrap import Interval
from saibench.analysis.few_blocks import PARTS, mean_of_series
from saibench.analysis.model_errors import ModelErrors, model_errors
from saibench.analysis.tested_models import (
    TestedModel,
    mean_error,
    over_trained_seeds,
    tested_models,
)
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import are, by_width, joined, number

MAX_NAMED = 2
"""Runs that a caution names; more are counted."""


@dataclass(frozen=True)
class ComparedModel:
    """Runs that differ in their seed only, compared with the best ones.

    Args:
        label: the settings that distinguish it.
        runs: hashes, one per seed.
        seeds: number of trainings; None if it was not trained.
        mean: its error, over the samples that are defined for all models.
        std: standard deviation of that error over the seeds; None for one seed.
        difference: its error minus that of the best, paired by sample; None for the best.
    """

    label: str
    runs: tuple[str, ...]
    seeds: int | None
    mean: Interval
    difference: Interval | None = None
    std: float | None = None

    @property
    def is_tested(self) -> bool:
        """Whether its difference has an interval."""
        return self.difference is not None and not math.isnan(self.difference.low)

    @property
    def is_worse(self) -> bool:
        """Whether its error is significantly (95 %) larger than that of the best."""
        return self.difference is not None and self.difference.low > 0


@dataclass(frozen=True)
class BestRunNumbers:
    """The models of a study, smallest error first.

    Args:
        statistic: the error.
        partition: the test partition.
        models: at least one.
    """

    statistic: Quantity
    partition: str
    models: tuple[ComparedModel, ...]


def best_run(evidence: StudyEvidence, question: str) -> Answer[BestRunNumbers]:
    """The comparison of `compared_models` in a sentence.

    Raises:
        UserError: no run was tested, or runs were tested on different samples.
    """
    numbers = compared_models(evidence)
    return Answer(
        question, best_run_sentence(numbers, evidence), numbers, best_run_cautions(numbers)
    )


def best_runs(evidence: StudyEvidence) -> tuple[str, ...]:
    """Hashes of the runs of the best model; of all tested runs if they cannot be compared."""
    try:
        return compared_models(evidence).models[0].runs
    except UserError:
        return tuple(evidence.metrics)


@once
def compared_models(evidence: StudyEvidence) -> BestRunNumbers:
    """Compare the best model with the others on the same samples.

    The best of several models is chosen by their errors. Testing it against the second best at a
    two-sided level keeps that level for the claim that it is best (Hung and Fithian, "Rank
    verification for exponential families", Ann. Stat. 47, 2019).

    Raises:
        UserError: no run was tested, or runs were tested on different samples.
    """
    partition, points = tested_points(evidence)
    models = tested_models(points)
    errors = _first_errors(evidence, models, partition)
    if errors is None:
        raise UserError(f"no error on {partition} is known for all {points.height} runs.")
    return BestRunNumbers(errors.statistic, errors.partition, ranked(errors, models))


def _first_errors(
    evidence: StudyEvidence, models: list[TestedModel], partition: str
) -> ModelErrors | None:
    """The error that the workload bounds, else the first that all models have."""
    found = model_errors(evidence, models, partition)
    trust = evidence.records[models[0].points[0]].get("trust") or {}
    names = (one for one in found if one.statistic.name == trust.get("statistic"))
    return next(names, found[0] if found else None)


def ranked(errors: ModelErrors, models: list[TestedModel]) -> tuple[ComparedModel, ...]:
    """The models by their mean error, each compared with the best on the same samples.

    Raises:
        UserError: no sample is defined for all models.
    """
    values = {model.label: errors.over_axis(model) for model in models}
    defined = ~np.isnan(np.stack(list(values.values()))).any(axis=0)
    if not defined.any():
        raise UserError(f"no sample has {errors.statistic.name} defined for all runs.")

    def of(model: TestedModel) -> np.ndarray:
        return np.where(defined, errors.over_axis(model), np.nan)

    def difference(own: TestedModel, best: TestedModel) -> Interval:
        return mean_of_series(errors.samples, of(own) - of(best))

    ordered = sorted(models, key=lambda model: float(np.nanmean(of(model))))
    return tuple(
        ComparedModel(
            model.label,
            model.points,
            model.trainings,
            mean_error(of, errors.samples, model),
            over_trained_seeds(difference, model, ordered[0]) if place else None,
            _std([float(np.nanmean(of(one))) for one in model.seeds()]),
        )
        for place, model in enumerate(ordered)
    )


def _std(of_seeds: list[float]) -> float | None:
    return float(np.std(of_seeds, ddof=1)) if len(of_seeds) > 1 else None


def best_run_sentence(numbers: BestRunNumbers, evidence: StudyEvidence | None = None) -> str:
    """The best model, by how much the second is worse, and the nearest that significantly is."""
    statistic, (best, *others) = numbers.statistic, numbers.models
    mean = by_width(best.mean, statistic.unit)
    if best.std is not None:
        mean += f" (± {number(best.std, 2)} over {len(best.runs)} seeds)"
    of = f"{titled(statistic.error_name, evidence)} on {numbers.partition}"
    if not others:
        return f"One model was tested: its {of} is {mean}."
    worse = [one for one in others if one.is_worse]
    untested = [one for one in others if not one.is_tested]
    shown = dict.fromkeys([*others[:1], *worse[:1]])
    parts = [f"{best.label} has the smallest {of}: {mean}"]
    parts += [_above(one, statistic.unit) for one in shown if one.is_tested]
    if further := len([one for one in worse if one not in shown]):
        parts.append(f"{further} further {are(further)} significantly above it")
    if len(others) > 1 and not worse and not untested:
        parts.append("no other run is significantly above it")
    if untested:
        whose = untested[0].label if len(untested) == 1 else f"{len(untested)} others"
        parts.append(f"{whose} {are(len(untested))} not tested, for too few independent blocks")
    return "; ".join(parts) + "."


def _above(model: ComparedModel, unit: str) -> str:
    assert model.difference is not None
    significant = "significant" if model.is_worse else "not significant"
    return f"{model.label} is {by_width(model.difference, unit)} above it ({significant})"


def best_run_cautions(numbers: BestRunNumbers) -> tuple[str, ...]:
    """What limits the comparison: single seeds, and a test that is short for its differences."""
    if len(numbers.models) < 2:
        return ()
    found = []
    single = [one.label for one in numbers.models if one.seeds == 1]
    if single:
        which = "per setting" if len(single) == len(numbers.models) else f"for {_named(single)}"
        found.append(f"A single seed was trained {which}: another seed may give another order.")
    in_parts = [
        one.label
        for one in numbers.models
        if one.difference is not None and one.is_tested and one.difference.num_blocks <= PARTS
    ]
    if in_parts:
        found.append(
            f"The comparison with {_named(in_parts)} rests on {PARTS} parts of "
            f"{numbers.partition}: a longer test is surer."
        )
    return tuple(found)


def _named(labels: list[str]) -> str:
    return joined(labels) if len(labels) <= MAX_NAMED else f"{len(labels)} runs"
