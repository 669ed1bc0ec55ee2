"""Checked conversion of a sampler's fields, which come from YAML as whatever the user wrote.

Each function takes the field's full name (`window.start`) and its value, and returns the
canonical form, so that `0`, `0.0` and `-0.0` give one sampler and one hash.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from saibench.errors import UserError

Convert = Callable[[str, Any], Any]


def shown(value: Any) -> str:
    """A value as the user would write it in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, Sequence):
        return f"[{', '.join(shown(item) for item in value)}]"
    return str(value)


def percent(fraction: float) -> str:
    return f"{100 * fraction:.10g} %"


def refuse(field: str, value: Any, reason: str) -> NoReturn:
    """Raises the `UserError` that names the field, its value, and what would work."""
    raise UserError(f"{field}={shown(value)} {reason}.")


def number(field: str, value: Any) -> float:
    """A finite number as float."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        refuse(field, value, "is not a number; one such as 0.3 would work")
    if not math.isfinite(value):
        refuse(field, value, "is not finite; a number such as 0.3 would work")
    return float(value) + 0.0  # adding 0.0 turns -0.0 into 0.0


def whole_number(field: str, value: Any) -> int:
    """An integer; `1e3`, which YAML reads as a float, is one too."""
    converted = number(field, value)
    if not converted.is_integer():
        refuse(field, value, f"is not a whole number; {math.floor(converted)} would work")
    return int(value)


def text(field: str, value: Any) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        refuse(field, value, "is not a name; a string such as 'time' would work")
    return value


def flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        refuse(field, value, "is neither true nor false; one of them would work")
    return value


def scalar(field: str, value: Any) -> str | bool | int | float:
    """A value that a feature can have; a whole float becomes int, since 1 and 1.0 are equal."""
    if isinstance(value, (str, bool)):
        return value
    converted = number(field, value)
    return int(value) if converted.is_integer() else converted


def optional(convert: Convert) -> Convert:
    """The conversion that lets None through."""
    return lambda field, value: None if value is None else convert(field, value)


def list_of(convert: Convert) -> Convert:
    """The conversion of a non-empty list, item by item, to a tuple."""

    def converted(field: str, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str) or not isinstance(value, (Sequence, np.ndarray)):
            refuse(field, value, "is not a list; one such as [0, 1] would work")
        if not len(value):
            refuse(field, value, "is empty; a list of at least one item would work")
        return tuple(convert(f"{field}[{i}]", item) for i, item in enumerate(value))

    return converted
