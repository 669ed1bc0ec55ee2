"""Which dimension of a netCDF or zarr variable is which, from its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saibench.errors import UserError

TIMES = ("time", "t")
TRAJECTORIES = (
    *("trajectory", "trajectories", "sample", "samples", "simulation", "run", "member"),
    *("ensemble", "realization", "batch"),
)
SPACE = (
    *("x", "y", "z", "lat", "latitude", "lon", "longitude", "rlat", "rlon", "level", "lev"),
    *("height", "depth", "r", "theta", "phi"),
)


@dataclass(frozen=True)
class Dimensions:
    """Names of the dimensions of all fields of a file.

    Args:
        trajectory: None for a single trajectory.
        time: of the frames.
        space: of the grid, in the order of the file.
    """

    trajectory: str | None
    time: str
    space: tuple[str, ...]

    def __str__(self) -> str:
        named = ["" if self.trajectory is None else f"trajectory = {self.trajectory}",
                 f"time = {self.time}", f"space = {', '.join(self.space) or 'none'}"]  # fmt: skip
        return "; ".join(one for one in named if one)


def dimensions_of(
    names: Sequence[str],
    where: str,
    trajectory: str | None = None,
    time: str | None = None,
    space: Sequence[str] | None = None,
) -> Dimensions:
    """The dimensions, guessed where they are not given.

    Args:
        names: of the dimensions, in the order of the file.
        where: the file and its variable, for the error.
        trajectory, time, space: given names, or None.

    Raises:
        UserError: a given name is not one of them, or an other one is of no known name.
    """
    for key, given in (("trajectory", trajectory), ("time", time),
                       *(("space", one) for one in space or ())):  # fmt: skip
        if given is not None and given not in names:
            raise UserError(
                f"{where} has no dimension data.{key}={given}. Dimensions: {', '.join(names)}."
            )
    if time is None:
        time = _first(names, TIMES)
    if trajectory is None:
        trajectory = _first([name for name in names if name not in (space or ())], TRAJECTORIES)
    if time is None:
        raise UserError(
            f"{where} has no dimension of time. Set data.time to one of {', '.join(names)}."
        )
    others = tuple(name for name in names if name not in (trajectory, time))
    known = SPACE if space is None else tuple(space)
    unknown = [name for name in others if (name.lower() if space is None else name) not in known]
    if unknown:
        raise UserError(
            f"{where}: the dimension '{unknown[0]}' is none of trajectory, time and space. Set "
            "data.trajectory, data.time and data.space to names of dimensions."
        )
    return Dimensions(trajectory, time, others)


def _first(names: Sequence[str], known: Sequence[str]) -> str | None:
    return next((name for name in names if name.lower() in known), None)
