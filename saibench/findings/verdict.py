"""Verdicts on claims about a value, from its confidence interval."""

from __future__ import annotations

from collections.abc import Iterable

from saibench.analysis.bootstrap import Interval
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED


def verdict(interval: Interval, above: float = 0.0) -> str:
    """Verdict on the claim that a value is above a limit."""
    if interval.low > above:
        return SUPPORTED
    return CONTRADICTED if interval.high < above else INCONCLUSIVE


def verdict_below(interval: Interval, limit: float = 0.0) -> str:
    """Verdict on the claim that a value is below a limit."""
    if interval.high < limit:
        return SUPPORTED
    return CONTRADICTED if interval.low > limit else INCONCLUSIVE


def verdict_within(interval: Interval, low: float, high: float) -> str:
    """Verdict on the claim that a value is between two bounds."""
    if low < interval.low and interval.high < high:
        return SUPPORTED
    return CONTRADICTED if interval.high < low or interval.low > high else INCONCLUSIVE


def count_significant(differences: Iterable[Interval]) -> tuple[int, int]:
    """Numbers of differences whose interval is above zero, and below zero."""
    differences = list(differences)
    return sum(d.low > 0 for d in differences), sum(d.high < 0 for d in differences)


def verdict_of_mean(mean: Interval, positive: int, negative: int) -> str:
    """Verdict on the claim that several differences are positive, from their mean.

    Args:
        positive: number of single differences that are significantly positive.
        negative: of those that are significantly negative; any of them rules out `supported`.
    """
    if not negative:
        return verdict(mean)
    return INCONCLUSIVE if positive >= negative else CONTRADICTED
