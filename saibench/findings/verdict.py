"""What intervals say of a claim that a difference is positive."""

from __future__ import annotations

from collections.abc import Iterable

from saibench.analysis.bootstrap import Interval
from saibench.findings.finding import CONTRADICTED, INCONCLUSIVE, SUPPORTED


def decided(differences: Iterable[Interval]) -> tuple[int, int]:
    """How many are positive and how many negative beyond doubt."""
    differences = list(differences)
    return sum(d.low > 0 for d in differences), sum(d.high < 0 for d in differences)


def verdict(difference: Interval) -> str:
    """Whether a difference that the claim says is positive is."""
    if difference.low > 0:
        return SUPPORTED
    return CONTRADICTED if difference.high < 0 else INCONCLUSIVE


def verdict_of_several(mean: Interval, positive: int, negative: int) -> str:
    """The same for the mean of several differences, some of which may be decided by themselves."""
    if not negative:
        return verdict(mean)
    return INCONCLUSIVE if positive >= negative else CONTRADICTED


def less(interval: Interval, amount: float) -> Interval:
    """The interval of the same number less a constant."""
    low, estimate, high = (end - amount for end in (interval.low, interval.estimate, interval.high))
    return Interval(low, estimate, high, interval.num_blocks, interval.count)


def opposite(interval: Interval) -> Interval:
    """The interval of the same number with the other sign."""
    low, estimate, high = -interval.high, -interval.estimate, -interval.low
    return Interval(low, estimate, high, interval.num_blocks, interval.count)
