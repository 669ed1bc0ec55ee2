"""Trajectories in netCDF files and zarr stores, by xarray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.cache import cached_arrays
from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories
from saibench.datamodules.field_dynamics.files.coordinates import grid_note, side_of
from saibench.datamodules.field_dynamics.files.copied import copied_fields
from saibench.datamodules.field_dynamics.files.dimensions import TIMES, Dimensions, dimensions_of
from saibench.datamodules.field_dynamics.files.hdf5 import EXTRA
from saibench.datamodules.field_dynamics.files.parameters import parameter_values
from saibench.datamodules.field_dynamics.files.times import time_step_of
from saibench.datamodules.files import paths_sha256
from saibench.errors import UserError
from saibench.files.gridded import decoded, encoding, opened_gridded
from saibench.options import Positive, check_fields


@dataclass(frozen=True)
class GriddedFields:
    """Trajectories of a netCDF file or a zarr store, copied once into the cache in parts.

    Each variable with a dimension of time is a field, in alphabetical order. The dimensions are
    guessed from their names (`dimensions.py`), which `describe` shows. Sides of the domain come
    from the coordinates, which exclude one end; without coordinates a cell has the side 1. Times
    are in seconds if the file has dates. Variables over the dimension of the trajectories alone,
    which vary, are parameters.

    Args:
        file: .nc, or the folder of a zarr store.
        fields: names of the variables to read; None for all.
        trajectory, time: names of dimensions; None to guess.
        space: names of dimensions of the grid; None to guess.
        time_step: between two frames; None to read it from the coordinate of time.
        parameters: name → number, or a list with one per trajectory.
        lyapunov_time: inverse of the largest Lyapunov exponent; None if unknown.

    Raises:
        UserError: later, for a missing or faulty file.
    """

    file: str
    fields: Sequence[str] | None = None
    trajectory: str | None = None
    time: str | None = None
    space: Sequence[str] | None = None
    time_step: Positive | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    lyapunov_time: Positive | None = None

    def __post_init__(self) -> None:
        check_fields(self, "data")

    @property
    def name(self) -> str:
        return "gridded_fields"

    def describe(self) -> str:
        layout = self.layout()
        grid = " x ".join(map(str, layout.grid)) or "no"
        return (
            f"{layout.trajectories:,} trajectories of {layout.frames} frames on {grid} points of "
            f"{', '.join(layout.channels)} of {self._path.name}, read as "
            f"{self._header.dimensions}.{self._header.note}"
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame(dict(self._header.parameters))

    def recipe(self) -> dict[str, Any]:
        settings = {name: value for name, value in asdict(self).items() if name != "file"}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
        hashed = paths_sha256([self._path])
        return {"source": self.name, "version": 1, "sha256": hashed, **plain}

    def layout(self) -> FieldLayout:
        return self._header.layout

    def place(self, trajectory: int) -> str:
        return f"{self._path}, trajectory {trajectory}"

    def load(self, cache: Path) -> Trajectories:
        kept = cached_arrays(cache, self.name, self.recipe(), self._arrays)
        layout, lyapunov = self.layout(), self.lyapunov_time
        return Trajectories(
            values=kept["values"],
            channels=layout.channels,
            time_step=layout.time_step,
            lengths=layout.lengths,
            data_hash=kept.data_hash,
            parameters=self._header.parameters,
            lyapunov_time=None if lyapunov is None else np.full(layout.trajectories, lyapunov),
            start=layout.start,
        )

    def _arrays(self, folder: Path) -> dict[str, np.ndarray]:
        layout, dimensions = self._header.layout, self._header.dimensions
        shape = (layout.trajectories, layout.frames, len(layout.channels), *layout.grid)
        with opened_gridded(self._path, EXTRA) as data:

            def read(trajectory: int, frames: slice) -> np.ndarray:
                parts = [self._part(data[name], dimensions, trajectory, frames)
                         for name in layout.channels]  # fmt: skip
                return np.stack(parts, axis=1)

            return {"values": copied_fields(folder, shape, read)}

    def _part(self, array: Any, names: Dimensions, trajectory: int, frames: slice) -> np.ndarray:
        """`(frames, *grid)`, NaN where the file has a code for a missing value."""
        place: dict[str, Any] = {names.time: frames}
        if names.trajectory is not None:
            place[names.trajectory] = trajectory
        stored = array.isel(place).transpose(names.time, *names.space).values
        values, missing = decoded(stored, encoding(self._path, array))
        return np.where(missing, np.nan, values) if missing.any() else values

    @property
    def _path(self) -> Path:
        return Path(self.file).expanduser()

    @cached_property
    def _header(self) -> _Header:
        path = self._path
        if not path.exists():
            raise UserError(f"{path} does not exist. Set data.file to a netCDF file or zarr store.")
        with opened_gridded(path, EXTRA) as data:
            names = self._variables(data)
            first = data[names[0]]
            dimensions = dimensions_of(
                [str(one) for one in first.dims], f"{path}, '{names[0]}'",
                self.trajectory, self.time, self.space,
            )  # fmt: skip
            for name in names[1:]:
                if dict(data[name].sizes) != dict(first.sizes):
                    raise UserError(
                        f"{path}: '{name}' has the dimensions {dict(data[name].sizes)}, and "
                        f"'{names[0]}' {dict(first.sizes)}. Set data.fields to fields of one grid."
                    )
            runs = first.sizes[dimensions.trajectory] if dimensions.trajectory else 1
            varying = _parameters(data, dimensions.trajectory)
            known = parameter_values(self.parameters, runs)
            parameters = {**varying, **known}
            start, step = self._times(data, dimensions.time)
            layout = FieldLayout(
                channels=tuple(names),
                grid=tuple(first.sizes[one] for one in dimensions.space),
                lengths=tuple(
                    side_of(data[one].values) if one in data.coords else float(first.sizes[one])
                    for one in dimensions.space
                ),
                time_step=step,
                trajectories=runs,
                frames=first.sizes[dimensions.time],
                parameters=tuple(parameters),
                has_lyapunov_time=self.lyapunov_time is not None,
                start=start,
            )
            known_axes = [one for one in dimensions.space if one in data.coords]
            note = grid_note({one: data[one].values for one in known_axes})
        return _Header(layout, dimensions, parameters, note)

    def _variables(self, data: Any) -> list[str]:
        """Names of the fields, which have the dimension of time and numbers."""
        timed = [name for name in data.data_vars if self._has_time(data[name])]
        names = sorted(str(name) for name in timed if data[name].dtype.kind in "fiu")
        unknown = sorted(set(self.fields or ()) - set(names))
        if not names:
            among = ", ".join(sorted(map(str, data.sizes)))
            raise UserError(
                f"{self._path} has no variable over time (data.time={self.time or 'null'}). Set "
                f"data.time to one of the dimensions {among}."
            )
        if unknown:
            raise UserError(
                f"{self._path} has no field '{unknown[0]}'. Fields: {', '.join(names)}."
            )
        return list(self.fields) if self.fields else names

    def _has_time(self, array: Any) -> bool:
        if self.time is not None:
            return self.time in array.dims
        return any(str(one).lower() in TIMES for one in array.dims)

    def _times(self, data: Any, name: str) -> tuple[float, float]:
        """Time of the first frame, and between frames."""
        if self.time_step is not None:
            return 0.0, float(self.time_step)
        if name not in data.coords:
            raise UserError(
                f"{self._path}: '{name}' has no coordinate. Set data.time_step to the time between "
                "two frames."
            )
        times = np.asarray(data[name].values)
        if times.dtype.kind in "mM":
            times = (times - times[0]) / np.timedelta64(1, "s")
        return time_step_of(times, str(self._path))


@dataclass(frozen=True)
class _Header:
    layout: FieldLayout
    dimensions: Dimensions
    parameters: Mapping[str, np.ndarray]
    note: str


def _parameters(data: Any, trajectory: str | None) -> dict[str, np.ndarray]:
    """Variables over trajectories alone that vary, `(R,)` each, without their numbers."""
    found = {}
    for name in data.variables:
        array = data[name]
        if array.dims == (trajectory,) and name != trajectory and array.dtype.kind in "fiu":
            values = np.asarray(array.values, dtype=np.float64)
            if len(np.unique(values)) > 1:
                found[str(name)] = values
    return found
