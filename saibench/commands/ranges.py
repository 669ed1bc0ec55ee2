"""Limits of numeric options."""

from __future__ import annotations

import argparse
import math

from saibench.errors import UserError


def check_range(
    args: argparse.Namespace,
    *names: str,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
) -> None:
    """Refuse options that are given and outside their limits, NaN or infinite.

    Raises:
        UserError: the first such option.
    """
    limits = (("above", above), ("of at least", at_least), ("below", below))
    finite = [f"{name} {limit:g}" for name, limit in limits if math.isfinite(limit)]
    valid = f"a number {' and '.join(finite)}" if finite else "a finite number"
    for name in names:
        value = getattr(args, name)
        if value is not None and not (above < value < below and value >= at_least):
            option = f"--{name.replace('_', '-')}"
            given = value if isinstance(value, int) else f"{value:g}"
            raise UserError(f"{option} {given} is out of range. Use {valid}.")
