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


def common_time_step(times: np.ndarray, where: str) -> tuple[float, float]:
    """As `time_step_of`, of times `(T,)`, or `(R, T)` that are the same for all trajectories.

    Raises:
        UserError: as `time_step_of`, or trajectories have other times than the first.
    """
    if times.ndim != 2:
        return time_step_of(times, where)
    found = [time_step_of(own, f"{where}, trajectory {n}") for n, own in enumerate(times)]
    start, step = found[0]
    for number, (own_start, own_step) in enumerate(found):
        if max(abs(own_start - start), abs(own_step - step)) > TOLERANCE * step:
            raise UserError(
                f"{where}: trajectory {number} starts at time {own_start:g} with steps of "
                f"{own_step:g}, and trajectory 0 at {start:g} with {step:g}. Use equal times."
            )
    return start, step
