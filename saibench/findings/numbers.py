"""Intervals as claims need them: with another origin or sign, and as text."""

from __future__ import annotations

import math

from saibench.analysis.bootstrap import Interval
from saibench.analysis.wording import fixed


def less(interval: Interval, amount: float) -> Interval:
    """The interval of the same number less a constant."""
    return Interval(
        interval.low - amount,
        interval.estimate - amount,
        interval.high - amount,
        interval.num_blocks,
        interval.count,
    )


def opposite(interval: Interval) -> Interval:
    """The interval of the same number with the other sign."""
    return Interval(
        -interval.high, -interval.estimate, -interval.low, interval.num_blocks, interval.count
    )


def text(interval: Interval, unit: str = "", digits: int = 2) -> str:
    """`9.52 [8.96, 10.14] mm/h`; without brackets where there is no interval."""
    if math.isnan(interval.estimate):
        return "undefined"
    return f"{fixed(interval, digits)} {unit}".rstrip()


def percent(interval: Interval) -> str:
    """A share as `12 [8, 17] %`."""
    low, estimate, high = (
        100 * value for value in (interval.low, interval.estimate, interval.high)
    )
    return text(Interval(low, estimate, high, interval.num_blocks, interval.count), "%", digits=0)
