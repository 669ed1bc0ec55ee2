"""Numbers and intervals as text for messages, tables, captions and pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

NOTHING = "–"


class Bounded(Protocol):
    """A number and the bounds of its interval; NaN bounds if there is no interval."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def minus(text: str) -> str:
    """Replace `-` by the minus sign `−`."""
    return text.replace("-", "−")


def number(value: float | None, digits: int = 3, unit: str = "") -> str:
    """Return significant digits as `60.5`, `0.999` or `12,346`; whole numbers in full."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        text = f"{value:,}"
    elif not math.isfinite(value):
        text = "undefined" if math.isnan(value) else "infinite"
    elif value == 0:
        text = "0"
    else:
        text = f"{value:#.{digits}g}".rstrip(".")
        text = f"{value:,.0f}" if "e+" in text else text
    return f"{minus(text)} {unit}".rstrip()


def in_range(value: float, low: float, high: float) -> str:
    """Return a feature's value with a precision of a thousandth of its range."""
    width = high - low
    if width <= 0 or not math.isfinite(width):
        return number(value)
    return minus(f"{value:z,.{max(0, 3 - math.floor(math.log10(width)))}f}")


def probability(value: float, name: str = "") -> str:
    """Return `0.03`, `q = 0.03`, `< 0.001`, or `–` for NaN."""
    if math.isnan(value):
        return NOTHING
    if value < 0.001:
        return f"{name} < 0.001" if name else "< 0.001"
    text = f"{value:.1g}" if value < 0.095 else f"{value:.2f}"
    return f"{name} = {text}" if name else text


def duration(seconds: float | None) -> str:
    """`11 s`, `30 min`, `2.5 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def file_size(size: float | None) -> str:
    """`12 kB`, `3.1 MB`, `1.73 GB`: decimal units, as of disks."""
    if size is None:
        return NOTHING
    power = next((power for power in (1, 2) if size < 999.5 * 1000**power), 3)
    return f"{number(size / 1000**power)} {('kB', 'MB', 'GB')[power - 1]}"


def counted(count: int, noun: str) -> str:
    """`1 sample`, `1,230 samples`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def are(count: int) -> str:
    """Return `is` for 1, else `are`."""
    return "is" if count == 1 else "are"


def capitalized(text: str) -> str:
    """The text with a capital first letter, the others as they are: `Force MAE`."""
    return f"{text[:1].upper()}{text[1:]}"


def joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def bracketed(interval: Bounded, unit: str = "", shown: Callable[[float], str] = number) -> str:
    """Return `60.5 [58.1, 62.0] meV`, without brackets if there are no bounds."""
    if math.isnan(interval.estimate):
        return "undefined"
    text = shown(interval.estimate)
    if not math.isnan(interval.low):
        text += f" [{shown(interval.low)}, {shown(interval.high)}]"
    return f"{text} {unit}".rstrip()


def fixed(interval: Bounded, places: int = 2, unit: str = "") -> str:
    """Return `−0.52 [−0.60, −0.43]` with equal decimal places and no sign of zero."""
    return bracketed(interval, unit, lambda value: minus(f"{value:z,.{places}f}"))


def short(interval: Bounded) -> str:
    """Return `6.4 [5.2, 8.1]`, or `0.18 [0.17, 0.19]` below 1."""
    return fixed(interval, 1 if abs(interval.estimate) >= 1 else 2)


def by_width(interval: Bounded, unit: str = "") -> str:
    """Return `35.1 [33.9, 36.2] meV/Å`, with two significant digits of the interval's width."""
    width = interval.high - interval.low
    if not math.isfinite(width) or width <= 0:
        return number(interval.estimate, unit=unit)
    return fixed(interval, max(0, 1 - math.floor(math.log10(width))), unit)


def plus_minus(mean: float, std: float) -> str:
    """Return `29.82 ± 0.26`, with two significant digits of the standard deviation.

    >>> plus_minus(29.8163, 0.2583), plus_minus(1204.2, 31.0), plus_minus(0.5, 0.0)
    ('29.82 ± 0.26', '1,204 ± 31', '0.500 ± 0')
    """
    if not std > 0:
        return f"{number(mean)} ± 0"
    places = max(0, 1 - math.floor(math.log10(std)))
    return minus(f"{mean:z,.{places}f} ± {std:,.{places}f}")


def percent(interval: Bounded, places: int = 1) -> str:
    """`92.1 % [89.7, 94.0]`."""
    first, *bounds = points(interval, places).split(" ", 1)
    return " ".join([f"{first} %", *bounds]) if first != "undefined" else first


def points(interval: Bounded, places: int = 0) -> str:
    """Return a difference of shares in percentage points, `42 [26, 57]`."""
    return fixed(_Hundredfold(interval), places)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a text table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


class _Hundredfold:
    def __init__(self, share: Bounded) -> None:
        self.estimate = 100 * share.estimate
        self.low = 100 * share.low
        self.high = 100 * share.high
