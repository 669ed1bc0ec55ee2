"""What other training events change: two questions that the paper asks and does not run."""

from __future__ import annotations

from functools import partial

from saibench.evidence.reader import StudyEvidence
from saibench.interpretation.bootstrap import Interval
from saibench.interpretation.event_means import interval_of_means, mean_over_events, relative_change
from saibench.interpretation.finding import Answer
from saibench.interpretation.rain_claims import answer_positive, percent, text
from saibench.interpretation.rain_errors import (
    HOURS,
    RainErrors,
    RainModel,
    rain_errors,
    rain_partitions,
)
from saibench.interpretation.rain_trend_findings import growth_indicators
from saibench.interpretation.seeds import over_seeds

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


def balancing_fills(evidence: StudyEvidence) -> Answer | None:
    """By the share of growing events that are predicted to grow until 3 h."""
    errors = rain_errors(evidence)
    balanced = _with_setting(errors, BALANCED, True)
    as_they_come = _with_setting(errors, BALANCED, False)
    if balanced is None or as_they_come is None:
        return None
    grows, before, _, _ = growth_indicators(errors, as_they_come, HOURS[-1])
    _, after, _, _ = growth_indicators(errors, balanced, HOURS[-1])
    chosen = grows > 0

    def gained(first: RainModel, second: RainModel) -> Interval:
        shares = (growth_indicators(errors, one, HOURS[-1])[1][chosen] for one in (first, second))
        return interval_of_means(lambda one, other: other - one, errors.among(chosen), *shares)

    more = over_seeds(gained, as_they_come, balanced)
    means = (mean_over_events(share[chosen], errors.among(chosen)) for share in (before, after))
    shares = [percent(mean) for mean in means]
    return answer_positive(
        more,
        f"{shares[0]} of the {int(chosen.sum()):,} events that grow until 3 h are predicted to "
        f"grow by the model trained on events as they come, {shares[1]} by the one trained on "
        f"balanced events: {percent(more)} more.",
    )


def strong_err_more(evidence: StudyEvidence) -> Answer | None:
    """By the relative change of the MAE on the partition of strong events."""
    if not {WEAK, STRONG} <= set(rain_partitions(evidence)):
        return None
    ends = _extremes(rain_errors(evidence, STRONG), WEAKEST)
    if ends is None:
        return None
    rows = []
    for partition in (WEAK, STRONG):
        errors = rain_errors(evidence, partition)
        narrow, wide = (
            mean_over_events(errors.at(model, "mae", HOURS[0]), errors.samples) for model in ends
        )
        change = over_seeds(partial(_change, errors), *ends)
        rows.append(
            f"{percent(change)} on {partition} events ({text(narrow)} against "
            f"{text(wide, 'mm/h')}, {change.count:,} events)"
        )
    return answer_positive(
        change,
        f"trained on the weakest {100 * ends[0].settings[WEAKEST]:.0f} % of the events, the MAE is "
        f"larger by {'; '.join(rows)}.",
    )


def _change(errors: RainErrors, narrow: RainModel, wide: RainModel) -> Interval:
    before, after = (errors.at(model, "mae", HOURS[0]) for model in (wide, narrow))
    return relative_change(before, after, errors.samples)


def _with_setting(errors: RainErrors, name: str, value: object) -> RainModel | None:
    return next((model for model in errors.models if model.settings.get(name) == value), None)


def _extremes(errors: RainErrors, name: str) -> tuple[RainModel, RainModel] | None:
    """The models of the smallest and the largest value of a setting."""
    varied = [model for model in errors.models if model.settings.get(name) is not None]
    varied.sort(key=lambda model: model.settings[name])
    return (varied[0], varied[-1]) if len(varied) > 1 else None
