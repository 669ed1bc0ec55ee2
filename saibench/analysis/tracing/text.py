"""How numbers of a trace read, with their intervals."""

from __future__ import annotations

import math

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.wording import fixed, number


def values(interval: Interval, quantity: Quantity) -> str:
    """`35.1 [33.9, 36.2] meV/Å`."""
    return f"{digits(interval)} {quantity.unit}".rstrip()


def digits(interval: Interval) -> str:
    """Digits that the interval's width bears, two of it."""
    width = interval.high - interval.low
    if not math.isfinite(width) or width <= 0:
        return number(interval.estimate)
    return fixed(interval, max(0, 1 - math.floor(math.log10(width))))


def probability(value: float, name: str = "") -> str:
    """`0.03`, or as `q = 0.03`; what is below a thousandth is said to be; `–` if not tested."""
    if math.isnan(value):
        return "–"
    if value < 0.001:
        return f"{name} < 0.001" if name else "< 0.001"
    text = f"{value:.1g}" if value < 0.095 else f"{value:.2f}"
    return f"{name} = {text}" if name else text
