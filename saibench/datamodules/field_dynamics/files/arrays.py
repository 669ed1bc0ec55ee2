"""Trajectories in plain arrays: .npy, .npz and MATLAB's .mat, as the Common Task Framework has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from saibench.datamodules.cache import cached_arrays
from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories
from saibench.datamodules.field_dynamics.files.times import time_step_of
from saibench.datamodules.files import SET_ROOT, data_roots, file_sha256, find_file
from saibench.errors import UserError, first_line
from saibench.files.npz import DamagedArray, NpzArrays, read_npy
from saibench.options import Positive, check_fields

AxisName = Literal["trajectory", "time", "channel", "x", "y", "z"]
SPACE = ("x", "y", "z")
ORDER = ("trajectory", "time", "channel")
"""Order of the first axes in memory; the axes of the grid follow as they are in the file."""


@dataclass(frozen=True)
class FieldArrays:
    """Trajectories in one array of a file, copied once into the cache.

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
        space = [axis for axis in self.axes if axis in SPACE]
        if len(set(self.axes)) < len(self.axes) or "time" not in self.axes:
            raise UserError(
                f"data.axes={list(self.axes)} repeats an axis, or has no time. Use each of "
                "trajectory, time, channel, x, y, z at most once."
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
        values, start, step = self._read
        return FieldLayout(
            tuple(self.channels), values.shape[3:], tuple(self.lengths), step, values.shape[0],
            values.shape[1], tuple(self.parameters), self.lyapunov_time is not None, start,
        )  # fmt: skip

    def load(self, cache: Path) -> Trajectories:
        kept = cached_arrays(cache, self.name, self.recipe(), lambda folder: self._arrays())
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

    def _arrays(self) -> dict[str, np.ndarray]:
        values, start, step = self._read
        return {"values": values, "times": np.array([start, step])}

    @cached_property
    def _path(self) -> Path:
        how = f"Set data.file, or {SET_ROOT}"
        return find_file([self.file], data_roots(self.root, "fields"), ["fields"], how)

    @cached_property
    def _read(self) -> tuple[np.ndarray, float, float]:
        """`(R, T, C, *grid)` float32, the first time and the time step."""
        raw = self._array(self.key)
        if raw.ndim != len(self.axes) or raw.dtype.kind not in "fiu":
            raise UserError(
                f"{self._path}: the array {self.key or ''} has shape {raw.shape} and type "
                f"{raw.dtype}. data.axes names {len(self.axes)} axes of numbers."
            )
        names: list[str] = list(self.axes)
        for axis in [name for name in ORDER if name not in names]:
            raw, names = raw[None], [axis, *names]
        space = [place for place, one in enumerate(names) if one in SPACE]
        values = raw.transpose([*map(names.index, ORDER), *space])
        if values.shape[2] != len(self.channels):
            raise UserError(
                f"{self._path} has {values.shape[2]} channels, and data.channels names "
                f"{len(self.channels)}. Use a name for each."
            )
        if self.closed:
            values = values[(slice(None),) * 3 + (slice(0, -1),) * (values.ndim - 3)]
        start, step = 0.0, self.time_step
        if self.times is not None:
            start, step = time_step_of(self._array(self.times).ravel(), str(self._path))
            count = self._array(self.times).size
            if count != values.shape[1]:
                raise UserError(
                    f"{self._path}: '{self.times}' has {count} times for {values.shape[1]} frames."
                )
        assert step is not None
        return np.ascontiguousarray(values, dtype=np.float32), start, float(step)

    def _array(self, key: str | None) -> np.ndarray:
        """An array of the file.

        Raises:
            UserError: it is damaged, or lacks the array.
        """
        path = self._path
        try:
            if path.suffix == ".npy":
                return read_npy(path)
            if path.suffix == ".npz":
                with NpzArrays(path) as arrays:
                    return arrays[_named(key, path)]
            if path.suffix == ".mat":
                return _matlab(path, _named(key, path))
        except (DamagedArray, OSError, LookupError) as error:
            raise UserError(f"{path}, array '{key}': {first_line(error)}.") from error
        raise UserError(f"{path} is no .npy, .npz or .mat file. Use one of these.")

    def _known(self, count: int) -> dict[str, np.ndarray]:
        """Parameters `(R,)`.

        Raises:
            UserError: a list of another length.
        """
        found = {}
        for name, given in self.parameters.items():
            values = np.atleast_1d(np.asarray(given, dtype=np.float64))
            if values.shape not in ((1,), (count,)):
                raise UserError(
                    f"data.parameters.{name} has {values.size} numbers for {count} trajectories. "
                    "Use one number, or one per trajectory."
                )
            found[name] = np.broadcast_to(values, (count,)).copy()
        return found


def _named(key: str | None, path: Path) -> str:
    if key is None:
        raise UserError(f"data.key=null: use the name of an array in {path}.")
    return key


def _matlab(path: Path, key: str) -> np.ndarray:
    """An array of a MATLAB file up to version 7; newer ones are HDF5."""
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=[key])
    except NotImplementedError as error:
        raise UserError(
            f"{path} is of MATLAB 7.3. Save it by save(…, '-v7'), or as .npy."
        ) from error
    except Exception as error:  # a damaged file raises almost anything
        raise UserError(f"{path} is not a readable MATLAB file ({first_line(error)}).") from error
    if key not in found:
        raise UserError(f"{path} has no array '{key}'. Set data.key and data.times.")
    return np.asarray(found[key])
