"""The time axis of a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from saibench.errors import UserError

TOLERANCE = 1e-3
"""Largest relative deviation of a time step from their mean: files have single precision."""


def time_step_of(times: Any, where: str) -> tuple[float, float]:
    """Time of the first frame, and the time between two frames.

    Args:
        times: `(T,)`.
        where: the file, for the error.

    Raises:
        UserError: times do not ascend in equal steps.
    """
    times = np.asarray(times, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all():
        raise UserError(f"{where}: times have shape {times.shape}. Use one finite time per frame.")
    steps = np.diff(times)
    step = float(np.median(steps))
    wrong = np.flatnonzero(~(np.abs(steps - step) <= TOLERANCE * abs(step)))
    if step <= 0 or wrong.size:
        place = int(wrong[0]) if wrong.size else 0
        raise UserError(
            f"{where}: the time axis has a step of {steps[place]:g} between frames {place} and "
            f"{place + 1}, elsewhere {step:g}. Use frames at equal times."
        )
    return float(times[0]), step
