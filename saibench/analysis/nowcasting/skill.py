"""Comparisons of two models on the same events: skill, and gain in CSI."""

from __future__ import annotations

from collections.abc import Callable

from saibench.analysis import tested_models
from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.nowcasting.errors import RainErrors, RainModel
from saibench.analysis.sample_means import interval_of_means
from saibench.analysis.seeds import over_seeds


def mean_error(errors: RainErrors, model: RainModel, statistic: str, lead: int) -> Interval:
    """Mean over the events that define it, and over the model's seeds."""
    return tested_models.mean_error(_at(errors, statistic, lead), errors.samples, model)


def error_change(
    errors: RainErrors, before: RainModel, after: RainModel, statistic: str, lead: int
) -> Interval:
    """Relative change of the mean error from one model to the other."""
    return tested_models.error_change(_at(errors, statistic, lead), errors.samples, before, after)


def error_skill(
    errors: RainErrors, model: RainModel, reference: RainModel, statistic: str, lead: int
) -> Interval:
    """1 − mean error / mean error of the reference, over events that define both."""
    values = _at(errors, statistic, lead)
    return tested_models.error_skill(values, errors.samples, model, reference)


def _at(errors: RainErrors, statistic: str, lead: int) -> Callable[[RainModel], Floats]:
    return lambda model: errors.at(model, statistic, lead)


def csi_gain(
    errors: RainErrors, model: RainModel, reference: RainModel, threshold: str, lead: int
) -> Interval:
    """CSI of all events' pixels pooled, minus that of the reference.

    An average over events would exclude events without a CSI of the reference, and with them the
    model's false alarms.
    """

    def gain(hits: Floats, relevant: Floats, other_hits: Floats, other: Floats) -> Floats:
        return hits / relevant - other_hits / other

    other = _hits_and_relevant(errors, reference, threshold, lead)
    return over_seeds(
        lambda own: interval_of_means(
            gain, errors.samples, *_hits_and_relevant(errors, own, threshold, lead), *other
        ),
        model,
    )


def pooled_csi(errors: RainErrors, model: RainModel, threshold: str, lead: int) -> Interval:
    """CSI of all events' pixels pooled, over the model's seeds."""
    return tested_models.over_trained_seeds(
        lambda own: interval_of_means(
            lambda hits, relevant: hits / relevant,
            errors.samples,
            *_hits_and_relevant(errors, own, threshold, lead),
        ),
        model,
    )


def _hits_and_relevant(
    errors: RainErrors, model: RainModel, threshold: str, lead: int
) -> tuple[Floats, Floats]:
    hits, misses, false_alarms = (
        errors.at(model, f"{name}_{threshold}", lead) for name in ("hits", "misses", "false_alarms")
    )
    return hits, hits + misses + false_alarms
