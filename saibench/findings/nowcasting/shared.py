"""What a claim over rain events may be answered with: nothing, where they are too few."""

from __future__ import annotations

import math

from saibench.analysis.bootstrap import Interval
from saibench.analysis.nowcasting.errors import FEWEST_EVENTS
from saibench.analysis.wording import fixed
from saibench.findings.finding import UNDECIDED, Answer
from saibench.findings.verdict import verdict


def answer(verdict_found: str, events: int, numbers: str, fewest: int = FEWEST_EVENTS) -> Answer:
    """The verdict with its numbers, or `undecided` where fewer events stand behind it."""
    if events >= fewest:
        return verdict_found, numbers
    return UNDECIDED, f"too few events for a claim ({events} of at least {fewest}): {numbers}"


def answer_positive(difference: Interval, numbers: str) -> Answer:
    """Whether a difference that the claim says is positive is."""
    return answer(verdict(difference), difference.count, numbers)


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
    """`9.52 [8.96, 10.14] mm/h`; without brackets where one event allows no interval."""
    if math.isnan(interval.estimate):
        return "undefined"
    return f"{fixed(interval, digits)} {unit}".rstrip()


def percent(interval: Interval) -> str:
    """A share as `12 [8, 17] %`."""
    low, estimate, high = (
        100 * value for value in (interval.low, interval.estimate, interval.high)
    )
    return text(Interval(low, estimate, high, interval.num_blocks, interval.count), "%", digits=0)
