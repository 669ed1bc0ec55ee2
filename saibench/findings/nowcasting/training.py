"""The effect of other training events: two questions that the paper raises but does not test."""

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
from saibench.findings.finding import Answer, Finding, check_claim
from saibench.findings.nowcasting.shared import answer_above
from saibench.findings.nowcasting.trend import growth_indicators
from saibench.formatting import fixed, percent

BALANCED, WEAKEST = "balanced", "weakest"
"""Settings of the studies `trend_imbalance` and `intensity_extrapolation`."""
WEAK, STRONG = "weak", "strong"
"""Partitions of `intensity_extrapolation`."""

FILLS = (
    "trained on balanced growing and decaying events, the model predicts growth for more of the "
    "growing events (question of §6.4)"
)
STRONG_ERR_MORE = (
    "a model trained on weak events alone has larger errors on strong events at 60 minutes than "
    "one trained on all events"
)


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings on both questions; none if the study has no two such models."""
    errors = rain_errors(evidence)
    found: list[Finding] = []
    unbalanced, balanced = (_with_setting(errors, BALANCED, value) for value in (False, True))
    if unbalanced is not None and balanced is not None:
        test = partial(_balancing_fills, errors, unbalanced, balanced)
        found += check_claim(FILLS, "", test, fewest_trainings((unbalanced, balanced)))
    if {WEAK, STRONG} <= set(rain_partitions(evidence)):
        ends = _extremes(rain_errors(evidence, STRONG), WEAKEST)
        if ends is not None:
            test = partial(_strong_err_more, evidence, ends)
            found += check_claim(STRONG_ERR_MORE, "", test, fewest_trainings(ends))
    return found


def _balancing_fills(errors: RainErrors, unbalanced: RainModel, balanced: RainModel) -> Answer:
    """Compare the fractions of growing events that are predicted to grow until 3 h."""
    chosen = growth_indicators(errors, unbalanced, HOURS[-1])[0] > 0
    events = errors.among(chosen)

    def predicted(model: RainModel) -> Floats:
        return growth_indicators(errors, model, HOURS[-1])[1][chosen]

    def gained(first: RainModel, second: RainModel) -> Interval:
        return difference(predicted(second), predicted(first), events)

    more = over_trained_seeds(gained, unbalanced, balanced)
    shares = [
        percent(over_trained_seeds(lambda own: mean_over_events(predicted(own), events), model), 0)
        for model in (unbalanced, balanced)
    ]
    return answer_above(
        more,
        f"{shares[0]} of the {int(chosen.sum()):,} events that grow until 3 h are predicted to "
        f"grow by the model trained on unbalanced events, {shares[1]} by the one trained on "
        f"balanced events: {percent(more, 0)} more.",
    )


def _strong_err_more(evidence: StudyEvidence, ends: tuple[RainModel, RainModel]) -> Answer:
    """Test the relative change of the MAE on the partition of strong events."""
    rows = []
    for partition in (WEAK, STRONG):
        errors = rain_errors(evidence, partition)
        narrow, wide = (mean_error(errors, model, "mae", HOURS[0]) for model in ends)
        change = error_change(errors, ends[1], ends[0], "mae", HOURS[0])
        rows.append(
            f"{percent(change, 0)} on {partition} events ({fixed(narrow)} against "
            f"{fixed(wide, unit='mm/h')}, {change.count:,} events)"
        )
    return answer_above(
        change,
        f"trained on the weakest {100 * ends[0].settings[WEAKEST]:.0f} % of the events, the MAE is "
        f"larger by {'; '.join(rows)}.",
    )


def _with_setting(errors: RainErrors, name: str, value: object) -> RainModel | None:
    return next((model for model in errors.models if model.settings.get(name) == value), None)


def _extremes(errors: RainErrors, name: str) -> tuple[RainModel, RainModel] | None:
    """The models with the smallest and the largest value of a setting."""
    varied = [model for model in errors.models if model.settings.get(name) is not None]
    varied.sort(key=lambda model: model.settings[name])
    return (varied[0], varied[-1]) if len(varied) > 1 else None
