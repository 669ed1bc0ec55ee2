"""Parameters that are drawn for each trajectory."""

from __future__ import annotations

from typing import Any

import numpy as np

from saibench.errors import UserError


def drawn_between(low: float, high: float, count: int, seed: int, stream: int) -> np.ndarray:
    """Uniform numbers `(count,)` from `low` to `high`; the first ones do not depend on `count`."""
    rng = np.random.Generator(np.random.PCG64([seed, stream]))
    return low + (high - low) * rng.random(count)


def values_of(source: Any, name: str) -> str:
    """`from 0.7 to 1.3`, the values that a parameter is drawn from, or `of 28` if it is one."""
    low, high = getattr(source, f"{name}_low"), getattr(source, f"{name}_high")
    return f"of {low:g}" if low == high else f"from {low:g} to {high:g}"


def refuse_reversed(source: Any, *names: str) -> None:
    """Raise UserError if `<name>_low` exceeds `<name>_high` for one of the names."""
    for name in names:
        low, high = getattr(source, f"{name}_low"), getattr(source, f"{name}_high")
        if low > high:
            raise UserError(
                f"data.{name}_low={low:g} is above data.{name}_high={high:g}. Use "
                f"data.{name}_low={high:g} or less."
            )
