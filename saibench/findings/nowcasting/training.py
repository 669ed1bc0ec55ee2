"""What other training events change: two questions that the paper asks and does not run."""

from __future__ import annotations

from functools import partial

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.nowcasting.errors import (
    HOURS,
    RainErrors,
    RainModel,
    rain_errors,
    rain_partitions,
)
from saibench.analysis.nowcasting.event_means import difference, mean_over_events
from saibench.analysis.nowcasting.skill import error_change, mean_error
from saibench.analysis.tested_models import fewest_trainings, over_trained_seeds
from saibench.evidence.reader import StudyEvidence
from saibench.findings.finding import Answer, Finding, ask
from saibench.findings.nowcasting.shared import answer_positive
from saibench.findings.nowcasting.trend import growth_indicators
from saibench.formatting import fixed, percent

BALANCED, WEAKEST = "balanced", "weakest"
"""Settings of the studies `trend_imbalance` and `intensity_extrapolation`."""
WEAK, STRONG = "weak", "strong"
"""Partitions of the latter."""

FILLS = (
    "trained on as many growing as decaying events, more growing ones are predicted to grow "
    "(asked by §6.4)"
)
STRONG_ERR_MORE = (
    "trained on weak events alone, strong ones err more than with all intensities, at 60 minutes"
)


def findings(evidence: StudyEvidence) -> list[Finding]:
    """What the study says of either; nothing where it has no two such models."""
    errors = rain_errors(evidence)
    found: list[Finding] = []
    as_they_come, balanced = (_with_setting(errors, BALANCED, value) for value in (False, True))
    if as_they_come is not None and balanced is not None:
        seeds = fewest_trainings((as_they_come, balanced))
        found += ask(FILLS, "", partial(_balancing_fills, errors, as_they_come, balanced), seeds)
    if {WEAK, STRONG} <= set(rain_partitions(evidence)):
        ends = _extremes(rain_errors(evidence, STRONG), WEAKEST)
        if ends is not None:
            seeds = fewest_trainings(ends)
            found += ask(STRONG_ERR_MORE, "", partial(_strong_err_more, evidence, ends), seeds)
    return found


def _balancing_fills(errors: RainErrors, as_they_come: RainModel, balanced: RainModel) -> Answer:
    """By the share of growing events that are predicted to grow until 3 h."""
    chosen = growth_indicators(errors, as_they_come, HOURS[-1])[0] > 0
    events = errors.among(chosen)

    def predicted(model: RainModel) -> Floats:
        return growth_indicators(errors, model, HOURS[-1])[1][chosen]

    def gained(first: RainModel, second: RainModel) -> Interval:
        return difference(predicted(second), predicted(first), events)

    more = over_trained_seeds(gained, as_they_come, balanced)
    shares = [
        percent(over_trained_seeds(lambda own: mean_over_events(predicted(own), events), model), 0)
        for model in (as_they_come, balanced)
    ]
    return answer_positive(
        more,
        f"{shares[0]} of the {int(chosen.sum()):,} events that grow until 3 h are predicted to "
        f"grow by the model trained on events as they come, {shares[1]} by the one trained on "
        f"balanced events: {percent(more, 0)} more.",
    )


def _strong_err_more(evidence: StudyEvidence, ends: tuple[RainModel, RainModel]) -> Answer:
    """By the relative change of the MAE on the partition of strong events."""
    rows = []
    for partition in (WEAK, STRONG):
        errors = rain_errors(evidence, partition)
        narrow, wide = (mean_error(errors, model, "mae", HOURS[0]) for model in ends)
        change = error_change(errors, ends[1], ends[0], "mae", HOURS[0])
        rows.append(
            f"{percent(change, 0)} on {partition} events ({fixed(narrow)} against "
            f"{fixed(wide, unit='mm/h')}, {change.count:,} events)"
        )
    return answer_positive(
        change,
        f"trained on the weakest {100 * ends[0].settings[WEAKEST]:.0f} % of the events, the MAE is "
        f"larger by {'; '.join(rows)}.",
    )


def _with_setting(errors: RainErrors, name: str, value: object) -> RainModel | None:
    return next((model for model in errors.models if model.settings.get(name) == value), None)


def _extremes(errors: RainErrors, name: str) -> tuple[RainModel, RainModel] | None:
    """The models of the smallest and the largest value of a setting."""
    varied = [model for model in errors.models if model.settings.get(name) is not None]
    varied.sort(key=lambda model: model.settings[name])
    return (varied[0], varied[-1]) if len(varied) > 1 else None
