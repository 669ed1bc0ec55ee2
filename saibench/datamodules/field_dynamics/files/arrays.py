"""Trajectories in plain arrays: .npy, .npz and MATLAB's .mat, as the Common Task Framework has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from saibench.datamodules.cache import cached_arrays
from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories
from saibench.datamodules.field_dynamics.files.array_file import ArrayFile
from saibench.datamodules.field_dynamics.files.copied import copied_fields
from saibench.datamodules.field_dynamics.files.parameters import parameter_values
from saibench.datamodules.field_dynamics.files.times import time_step_of
from saibench.datamodules.files import SET_ROOT, data_roots, file_sha256, find_file
from saibench.errors import UserError
from saibench.options import Positive, as_yaml, check_fields

AxisName = Literal["trajectory", "time", "channel", "x", "y", "z"]
SPACE = ("x", "y", "z")


@dataclass(frozen=True)
class FieldArrays:
    """Trajectories in one array of a file, copied once into the cache.

    Axes of the grid keep their order. The array is read in parts, but that of a MATLAB file before
    version 7.3, which is read whole for the copy.

    Args:
        file: .npy, .npz or .mat.
        root: folder of the file; by default `SAIBENCH_DATA_DIR`.
        key: name of the array in an .npz or .mat file.
        axes: what each axis of the array is, such as `[x, time]`.
        lengths: side of the domain along each axis of the grid.
        time_step: between two frames; None to read it from the array `times`.
        times: name of an array of times in the same file.
        closed: whether both ends of a periodic domain are in the grid; the last point is then
            dropped.
        channels: names of the fields.
        parameters: name → number, or a list with one per trajectory.
        lyapunov_time: inverse of the largest Lyapunov exponent; None if unknown.

    Raises:
        UserError: axes that do not fit; later, a missing or faulty file.
    """

    file: str
    axes: Sequence[AxisName]
    lengths: Sequence[Positive] = ()
    root: str | None = None
    key: str | None = None
    time_step: Positive | None = None
    times: str | None = None
    closed: bool = False
    channels: Sequence[str] = ("u",)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    lyapunov_time: Positive | None = None

    def __post_init__(self) -> None:
        check_fields(self, "data")
        for name in ("axes", "channels"):
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Sequence):
                raise UserError(f"data.{name}={as_yaml(given)} is no list. Use data.{name}=[…].")
        space = [axis for axis in self.axes if axis in SPACE]
        if len(set(self.axes)) < len(self.axes) or "time" not in self.axes:
            raise UserError(
                f"data.axes={list(self.axes)} repeats an axis, or has no time. Use each of "
                "trajectory, time, channel, x, y, z at most once."
            )
        if not _are_positive(self.lengths):
            raise UserError(
                f"data.lengths={as_yaml(self.lengths)} is no list of positive numbers. Use one "
                "side of the domain for each axis of the grid, data.lengths=[1.0]."
            )
        if len(space) != len(self.lengths):
            raise UserError(
                f"data.lengths={list(self.lengths)} has {len(self.lengths)} numbers for the axes "
                f"{space}. Use one side of the domain for each."
            )
        if (self.time_step is None) == (self.times is None):
            raise UserError(
                "data.time_step and data.times: use one of them, a number or the name of an array."
            )

    @property
    def name(self) -> str:
        return "field_arrays"

    def describe(self) -> str:
        layout = self.layout()
        grid = " x ".join(map(str, layout.grid)) or "no"
        return (
            f"{layout.trajectories:,} trajectories of {layout.frames} frames on {grid} points of "
            f"{Path(self.file).name}."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame(self._known(self.layout().trajectories))

    def recipe(self) -> dict[str, Any]:
        settings = {k: v for k, v in asdict(self).items() if k not in ("file", "root")}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
        hashed = file_sha256(self._path)
        return {"source": self.name, "version": 1, "sha256": hashed, **plain}

    def layout(self) -> FieldLayout:
        shape, start, step = self._header
        return FieldLayout(
            tuple(self.channels), shape[3:], tuple(self.lengths), step, shape[0], shape[1],
            tuple(self.parameters), self.lyapunov_time is not None, start,
        )  # fmt: skip

    def place(self, trajectory: int) -> str:
        return f"{self._path}, trajectory {trajectory}"

    def load(self, cache: Path) -> Trajectories:
        kept = cached_arrays(cache, self.name, self.recipe(), self._arrays)
        values, (start, step) = kept["values"], kept["times"].tolist()
        count, lyapunov = values.shape[0], self.lyapunov_time
        return Trajectories(
            values=values,
            channels=tuple(self.channels),
            time_step=step,
            lengths=tuple(self.lengths),
            data_hash=kept.data_hash,
            parameters=self._known(count),
            lyapunov_time=None if lyapunov is None else np.full(count, lyapunov),
            start=start,
        )

    def _arrays(self, folder: Path) -> dict[str, np.ndarray]:
        shape, start, step = self._header
        with self._array(self.key).opened(folder) as stored:
            values = copied_fields(folder, shape, lambda run, part: self._part(stored, run, part))
        return {"values": values, "times": np.array([start, step])}

    def _part(self, stored: Any, trajectory: int, frames: slice) -> np.ndarray:
        """`(frames, C, *grid)` of the array of the file."""
        inner = slice(0, -1) if self.closed else slice(None)
        place = {"trajectory": trajectory, "time": frames, "channel": slice(None)}
        found = np.asarray(stored[tuple(place.get(axis, inner) for axis in self.axes)])
        names = [axis for axis in self.axes if axis != "trajectory"]
        if "channel" not in names:
            found, names = found[None], ["channel", *names]
        space = [number for number, axis in enumerate(names) if axis in SPACE]
        return found.transpose(names.index("time"), names.index("channel"), *space)

    @cached_property
    def _path(self) -> Path:
        how = f"Set data.file, or {SET_ROOT}"
        return find_file([self.file], data_roots(self.root, "fields"), ["fields"], how)

    @cached_property
    def _header(self) -> tuple[tuple[int, ...], float, float]:
        """`(R, T, C, *grid)`, the first time and the time step."""
        stored, kind = self._array(self.key).header()
        if len(stored) != len(self.axes) or kind not in "fiu":
            raise UserError(
                f"{self._path}: the array{f' {self.key}' if self.key else ''} has shape {stored} "
                f"and type '{kind}'. data.axes names {len(self.axes)} axes of numbers."
            )
        sizes = dict(zip(self.axes, stored, strict=True))
        grid = [sizes[axis] - int(self.closed) for axis in self.axes if axis in SPACE]
        shape = (sizes.get("trajectory", 1), sizes["time"], sizes.get("channel", 1), *grid)
        if shape[2] != len(self.channels):
            raise UserError(
                f"{self._path} has {shape[2]} channels, and data.channels names "
                f"{len(self.channels)}. Use a name for each."
            )
        if self.times is None:
            assert self.time_step is not None
            return shape, 0.0, float(self.time_step)
        times = self._array(self.times).numbers()
        start, step = time_step_of(times, str(self._path))
        if times.size != shape[1]:
            raise UserError(
                f"{self._path}: '{self.times}' has {times.size} times for {shape[1]} frames."
            )
        return shape, start, step

    def _array(self, key: str | None) -> ArrayFile:
        return ArrayFile(self._path, key)

    def _known(self, count: int) -> dict[str, np.ndarray]:
        """Parameters `(R,)`."""
        return parameter_values(self.parameters, count)


def _are_positive(numbers: Any) -> bool:
    """Whether it is a list of finite numbers above 0."""
    return isinstance(numbers, Sequence) and all(
        isinstance(one, int | float) and 0 < one < math.inf for one in numbers
    )
