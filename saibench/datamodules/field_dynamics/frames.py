"""Frames of a simulation at equal times, saved in the cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from saibench.errors import UserError


def solver_steps(time_step: float, solver_step: float) -> int:
    """Steps of the solver between two frames.

    Raises:
        UserError: the time between frames is not a multiple of the solver's step.
    """
    steps = round(time_step / solver_step)
    if steps < 1 or abs(steps * solver_step - time_step) > 1e-9 * time_step:
        raise UserError(
            f"data.time_step={time_step:g} is no multiple of data.solver_step={solver_step:g}. "
            f"Use data.solver_step={time_step / max(steps, 1):g}."
        )
    return steps


def integrate(
    state: np.ndarray,
    advance: Callable[[np.ndarray], np.ndarray],
    field: Callable[[np.ndarray], np.ndarray],
    saved: np.ndarray,
    steps: int,
    transient: int,
    name: str,
) -> None:
    """Fill `saved` with the frames of all trajectories.

    Args:
        state: of the solver at the start, `(R, ...)`.
        advance: state → state one solver step later.
        field: state → `(R, C, *grid)`.
        saved: `(R, T, C, *grid)`, filled in place.
        steps: solver steps between two frames.
        transient: solver steps before the first frame.
        name: of the equation, for the progress bar.

    Raises:
        UserError: a solution is not finite.
    """
    frames = saved.shape[1]
    for frame in tqdm(range(frames), f"solving {name}", unit="frame", mininterval=1.0):
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            for _ in range(steps if frame else transient):
                state = advance(state)
            found = field(state).astype(saved.dtype)
        lost = np.flatnonzero(~np.isfinite(found).reshape(len(found), -1).all(axis=1))
        if lost.size:
            raise UserError(
                f"{name}: the solution of trajectory {lost[0]} is not finite at frame {frame}, and "
                f"that of {lost.size - 1} more. Use a smaller data.solver_step, or a finer grid."
            )
        saved[:, frame] = found
