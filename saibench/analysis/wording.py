"""How numbers and their intervals read in sentences, tables and captions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol


class Bounded(Protocol):
    """A number and the bounds of its interval; NaN bounds where samples allow none."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def number(value: float, digits: int = 3) -> str:
    """Significant digits as `60.5` or `0.99874`."""
    if not math.isfinite(value):
        return "infinite" if value > 0 else "undefined"
    if value == 0:
        return "0"
    text = f"{value:#.{digits}g}".rstrip(".")
    return (f"{value:,.0f}" if "e+" in text else text).replace("-", "−")


def counted(count: int, noun: str) -> str:
    """`1 sample`, `1,230 samples`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def are(count: int) -> str:
    """`is` of one thing, `are` of more."""
    return "is" if count == 1 else "are"


def bracketed(interval: Bounded, shown: Callable[[float], str] = number) -> str:
    """`60.5 [58.1, 62.0]`; without brackets where there are no bounds."""
    if math.isnan(interval.estimate):
        return "undefined"
    if math.isnan(interval.low):
        return shown(interval.estimate)
    return f"{shown(interval.estimate)} [{shown(interval.low)}, {shown(interval.high)}]"


def fixed(interval: Bounded, places: int = 2) -> str:
    """`−0.52 [−0.60, −0.43]`, all with as many decimal places; no 0 has a sign."""
    return bracketed(interval, lambda value: f"{value:z,.{places}f}".replace("-", "−"))


def percent(interval: Bounded, places: int = 1) -> str:
    """`92.1 % [89.7, 94.0]`."""
    first, *bounds = points(interval, places).split(" ", 1)
    return " ".join([f"{first} %", *bounds]) if first != "undefined" else first


def points(interval: Bounded, places: int = 0) -> str:
    """A difference of shares in percentage points, `42 [26, 57]`."""
    return fixed(_Hundredfold(interval), places)


class _Hundredfold:
    def __init__(self, share: Bounded) -> None:
        self.estimate = 100 * share.estimate
        self.low = 100 * share.low
        self.high = 100 * share.high
