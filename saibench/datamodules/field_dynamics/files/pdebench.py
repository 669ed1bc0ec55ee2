"""PDEBench's HDF5 layouts (Takamoto et al. 2022, github.com/pdebench/PDEBench).

Most one-dimensional files have `tensor` (trajectory, time, x); compressible flows have one dataset
per field (`Vx`, `density`, …) of (trajectory, time, x, y). Both have `t-coordinate`, with one time
too many, and `x-coordinate`. Diffusion–sorption, diffusion–reaction and shallow water have a group
per trajectory, `0000`, with `data` (time, x, y, field), `grid/t`, `grid/x` and `grid/y`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories
from saibench.datamodules.field_dynamics.files.coordinates import grid_note, side_of
from saibench.datamodules.field_dynamics.files.hdf5 import dataset, opened
from saibench.datamodules.field_dynamics.files.parameters import parameter_values
from saibench.datamodules.field_dynamics.files.stored import (
    StoredField,
    StoredFile,
    stored_trajectories,
)
from saibench.datamodules.field_dynamics.files.times import common_time_step
from saibench.datamodules.files import file_sha256
from saibench.errors import UserError
from saibench.options import check_fields

TENSOR, FIELDS = "tensor", ("Vx", "Vy", "Vz", "density", "pressure")
AXES = ("x", "y", "z")
FIRST = "0000"
"""Group of the first trajectory."""


@dataclass(frozen=True)
class PDEBench:
    """Trajectories of one of PDEBench's files, read when they are needed, in single precision.

    Args:
        file: the HDF5 file.
        parameters: name → number, or a list with one per trajectory, such as the constants of the
            equation that the file's name states.

    Raises:
        UserError: later, for a missing or faulty file.
    """

    file: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self, "data")

    @property
    def name(self) -> str:
        return "pdebench"

    def describe(self) -> str:
        layout = self.layout()
        grid = " x ".join(map(str, layout.grid))
        return (
            f"{layout.trajectories:,} trajectories of {layout.frames} frames on {grid} points, in "
            f"the layout of PDEBench.{self._header.note}"
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame(self._known)

    def recipe(self) -> dict[str, Any]:
        known = dict(self.parameters)
        hashed = file_sha256(self._path)
        return {"source": self.name, "version": 1, "file": hashed, "parameters": known}

    def layout(self) -> FieldLayout:
        return self._header.layout

    def place(self, trajectory: int) -> str:
        return f"{self._path}, trajectory {trajectory}"

    def load(self, cache: Path) -> Trajectories:
        found = self._header
        return stored_trajectories(found.layout, [found.file], self.recipe(), self._known)

    @property
    def _path(self) -> Path:
        return Path(self.file).expanduser()

    @property
    def _known(self) -> dict[str, np.ndarray]:
        count = self.layout().trajectories
        return parameter_values(self.parameters, count)

    @cached_property
    def _header(self) -> _Header:
        path = self._path
        with opened(path) as file:
            found = _grouped(file, path) if FIRST in file else _together(file, path)
        _, frames, *grid = found.shape
        if len(found.times) < frames or [len(one) for one in found.points] != grid:
            given = [len(found.times), *map(len, found.points)]
            raise UserError(
                f"{path}: times and coordinates have {given} values. Expected: {frames} frames, "
                f"and the grid {grid}."
            )
        start, step = common_time_step(found.times[:frames], str(path))
        layout = FieldLayout(
            found.channels, tuple(grid), tuple(map(side_of, found.points)), step, found.shape[0],
            frames, tuple(self.parameters), start=start,
        )  # fmt: skip
        note = grid_note(dict(zip(AXES, found.points, strict=False)))
        return _Header(layout, StoredFile(path, found.fields, found.shape[0]), note)


@dataclass(frozen=True)
class _Header:
    layout: FieldLayout
    file: StoredFile
    note: str


@dataclass(frozen=True)
class _Found:
    """What one of the layouts has: `shape` is `(R, T, *grid)`, `points` are along each axis."""

    fields: tuple[StoredField, ...]
    channels: tuple[str, ...]
    shape: tuple[int, ...]
    times: np.ndarray
    points: list[np.ndarray]


def _together(file: Any, path: Path) -> _Found:
    """All trajectories in one dataset per field."""
    names = [TENSOR] if TENSOR in file else [name for name in FIELDS if name in file]
    if not names:
        raise UserError(
            f"{path} has neither '{TENSOR}', nor one of {', '.join(FIELDS)}, nor a group "
            f"'{FIRST}', so its layout is none of PDEBench's that are read. Use data=the_well, "
            "gridded_fields or field_arrays."
        )
    shape = _common_shape(file, path, names, "trajectories, frames, points along each axis")
    axes = AXES[: len(shape) - 2]
    return _Found(
        tuple(StoredField(name) for name in names),
        ("u",) if names == [TENSOR] else tuple(names),
        shape,
        np.asarray(dataset(file, path, "t-coordinate")),
        [np.asarray(dataset(file, path, f"{axis}-coordinate")) for axis in axes],
    )


def _grouped(file: Any, path: Path) -> _Found:
    """A group per trajectory."""
    groups = sorted(name for name in file if name.isdigit())
    names = [f"{group}/data" for group in groups]
    shape = _common_shape(file, path, names, "frames, points along each axis, fields")
    axes, fields = AXES[: len(shape) - 2], shape[-1]
    return _Found(
        (StoredField("data", (fields,), has_trajectories=False, groups=tuple(groups)),),
        ("u",) if fields == 1 else tuple(f"u_{number}" for number in range(fields)),
        (len(groups), *shape[:-1]),
        np.asarray(dataset(file, path, f"{FIRST}/grid/t")),
        [np.asarray(dataset(file, path, f"{FIRST}/grid/{axis}")) for axis in axes],
    )


def _common_shape(file: Any, path: Path, names: Sequence[str], axes: str) -> tuple[int, ...]:
    """Shape of these datasets, which have one to three axes of the grid.

    Raises:
        UserError: shapes differ, or have other numbers of axes.
    """
    shapes = {name: dataset(file, path, name).shape for name in names}
    shape = shapes[names[0]]
    unequal = [name for name in names if shapes[name] != shape]
    if unequal or not 3 <= len(shape) <= 5:
        name = unequal[0] if unequal else names[0]
        raise UserError(
            f"{path}: '{name}' has shape {shapes[name]}. Expected: ({axes}), as of {names[0]}: "
            f"{shape}."
        )
    return shape
