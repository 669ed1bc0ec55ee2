"""Checks of trajectories from any source, before training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from saibench.datamodules.field_dynamics.fields import Trajectories
from saibench.errors import UserError
from saibench.formatting import counted


def check_trajectories(
    data: Trajectories, name: str, place: Callable[[int], str] | None = None
) -> None:
    """Refuse trajectories that are unusable for training.

    Args:
        data: the trajectories.
        name: of the data.
        place: number of a trajectory → its file, and its number there; None without files.

    Raises:
        UserError: shapes do not match; a value or a parameter is NaN or infinite, with its
            trajectory, time and field.
    """
    shape, axes = data.values.shape, len(data.lengths)
    if len(shape) != 3 + axes or shape[2] != len(data.channels):
        raise UserError(
            f"{name}: the fields have shape {shape}. Expected: (trajectories, frames, "
            f"{len(data.channels)} fields, {axes} axes of the grid)."
        )
    if not np.issubdtype(data.values.dtype, np.floating):
        raise UserError(f"{name}: the fields have type {data.values.dtype}. Use a float type.")

    def where(number: int) -> str:
        return f"{name}, trajectory {number}" if place is None else place(number)

    for number in range(data.count):
        _check_finite(data, number, where(number))
    for parameter, values in data.parameters.items():
        if values.shape != (data.count,):
            raise UserError(
                f"{name}: parameter {parameter} has {values.size} numbers for {data.count} "
                "trajectories. Use one number per trajectory."
            )
        faulty = np.flatnonzero(~np.isfinite(values))
        if faulty.size:
            raise UserError(
                f"{where(int(faulty[0]))}: parameter {parameter} is NaN or Inf. Use a number."
            )


def _check_finite(data: Trajectories, number: int, where: str) -> None:
    """Refuse the first frame of a trajectory that is not finite."""
    finite = np.isfinite(data.values[number]).reshape(data.frames, len(data.channels), -1)
    lost = np.argwhere(~finite.all(axis=2))
    if len(lost):
        frame, channel = lost[0]
        points = int((~finite[frame, channel]).sum())
        time = data.start + data.time_step * frame
        others = len(np.unique(lost[:, 0])) - 1
        more = f", and in {counted(others, 'more frame')}" if others else ""
        raise UserError(
            f"{where}: field '{data.channels[channel]}' is NaN or Inf in "
            f"{counted(points, 'point')} of frame {frame} (time {time:g}){more}. Remove that "
            "trajectory, or the frames from there on."
        )
