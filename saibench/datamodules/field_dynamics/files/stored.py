"""Frames that are read from files when they are needed, so that memory stays flat."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories
from saibench.errors import UserError, first_line
from saibench.identity import digest


@dataclass(frozen=True)
class StoredField:
    """A dataset of one or several channels.

    Args:
        dataset: its path in the file.
        components: sizes of its last axes, whose values are channels; empty for a scalar.
        has_trajectories: whether its first axis is the trajectory; else all have the same values.
        has_times: whether its next axis is time; else all frames have the same values.
        groups: path of the group of each trajectory that has the dataset, in place of an axis.
        points: along each axis of the grid, 1 where it is constant along the axis; None if it has
            the grid of the file.
    """

    dataset: str
    components: tuple[int, ...] = ()
    has_trajectories: bool = True
    has_times: bool = True
    groups: tuple[str, ...] = ()
    points: tuple[int, ...] | None = None

    def read(
        self, file: Any, trajectory: int, frames: slice | int, grid: tuple[int, ...]
    ) -> np.ndarray:
        """`(..., C, *grid)` of these frames, with one frame axis for a slice.

        Args:
            file: the open file.
            trajectory: number in the file.
            frames: of the trajectory.
            grid: points along each axis.
        """
        place = (trajectory,) if self.has_trajectories else ()
        name = f"{self.groups[trajectory]}/{self.dataset}" if self.groups else self.dataset
        found = np.asarray(file[name][(*place, *((frames,) if self.has_times else ()))])
        if isinstance(frames, slice) and not self.has_times:
            count = len(range(frames.start, frames.stop))
            found = np.broadcast_to(found, (count, *found.shape))
        leading = found.shape[: int(isinstance(frames, slice))]
        own = grid if self.points is None else self.points
        channels = found.reshape(*leading, *own, math.prod(self.components))
        if own != grid:
            channels = np.broadcast_to(channels, (*leading, *grid, channels.shape[-1]))
        return np.moveaxis(channels, -1, len(leading))


@dataclass(frozen=True)
class StoredFile:
    """One HDF5 file, its fields, and its number of trajectories."""

    path: Path
    fields: tuple[StoredField, ...]
    trajectories: int


def located(files: Sequence[StoredFile], trajectory: int) -> tuple[StoredFile, int]:
    """The file of a trajectory, and its number there.

    Raises:
        IndexError: the files have fewer trajectories.
    """
    for file in files:
        if trajectory < file.trajectories:
            return file, trajectory
        trajectory -= file.trajectories
    raise IndexError("no file has this trajectory")


@dataclass(eq=False)
class StoredFrames:
    """`(R, T, C, *grid)` float32, indexed by a trajectory and frames: `values[3, 10:20]`.

    A pickle holds paths only; every process opens its own files.

    Args:
        files: one after another.
        shape: `(R, T, C, *grid)`.
    """

    files: Sequence[StoredFile]
    shape: tuple[int, ...]
    dtype: Any = field(default_factory=lambda: np.dtype(np.float32))
    _open: dict[Path, Any] = field(default_factory=dict, repr=False)
    _process: int = 0

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, place: int | tuple[int, Any]) -> np.ndarray:
        number, frames = place if isinstance(place, tuple) else (place, slice(0, self.shape[1]))
        file, number = located(self.files, number)
        if isinstance(frames, slice):
            frames = slice(*frames.indices(self.shape[1])[:2])
        opened, grid = self._opened(file.path), self.shape[3:]
        where = int(frames) if not isinstance(frames, slice) else frames
        try:
            parts = [one.read(opened, int(number), where, grid) for one in file.fields]
        except (OSError, RuntimeError) as error:
            raise UserError(f"{file.path} is damaged ({first_line(error)}).") from error
        axis = parts[0].ndim - len(grid) - 1
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)
        return whole.astype(self.dtype, copy=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredFrames, (self.files, self.shape)

    def _opened(self, path: Path) -> Any:
        """The open file of this process: a fork must not share a handle."""
        import h5py

        if self._process != os.getpid():
            self._open, self._process = {}, os.getpid()
        if path not in self._open:
            try:
                self._open[path] = h5py.File(path, "r")
            except OSError as error:
                raise UserError(f"{path} was removed or damaged while it was read.") from error
        return self._open[path]


def stored_trajectories(
    layout: FieldLayout,
    files: Sequence[StoredFile],
    recipe: Mapping[str, Any],
    parameters: Mapping[str, np.ndarray],
) -> Trajectories:
    """Trajectories whose frames stay in their files.

    Args:
        layout: of all files together.
        files: one after another.
        recipe: of the source.
        parameters: `(R,)` each, by name.
    """
    shape = (layout.trajectories, layout.frames, len(layout.channels), *layout.grid)
    values: Any = StoredFrames(files, shape)
    return Trajectories(
        values=values,
        channels=layout.channels,
        time_step=layout.time_step,
        lengths=layout.lengths,
        data_hash=digest(str(recipe)),
        parameters=dict(parameters),
        start=layout.start,
    )
