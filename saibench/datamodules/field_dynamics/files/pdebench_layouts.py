"""PDEBench's HDF5 layouts (Takamoto et al. 2022, github.com/pdebench/PDEBench).

Most one-dimensional files have `tensor` (trajectory, time, x); compressible flows have one dataset
per field (`Vx`, `density`, …) of (trajectory, time, x, y). Both have `t-coordinate`, with one time
too many, and `x-coordinate`. Diffusion–sorption, diffusion–reaction and shallow water have a group
per trajectory, `0000`, with `data` (time, x, y, field), `grid/t`, `grid/x` and `grid/y`.
Incompressible flows (`data_gen/src/data_io.py`) have `velocity` (trajectory, time, x, y, component)
and `particles` (…, 1), `force` (trajectory, x, y, component), which is constant in time, and `t`
(trajectory, time). They have no coordinates: the domain is the unit square, with walls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from saibench.datamodules.field_dynamics.files.hdf5 import dataset
from saibench.datamodules.field_dynamics.files.stored import StoredField
from saibench.errors import UserError, closest

TENSOR, FIELDS = "tensor", ("Vx", "Vy", "Vz", "density", "pressure")
VELOCITY, PARTICLES, FORCE, TIMES = "velocity", "particles", "force", "t"
AXES = ("x", "y", "z")
FIRST = "0000"
"""Group of the first trajectory."""


@dataclass(frozen=True)
class Found:
    """What a file has.

    Args:
        fields: the datasets.
        channels: their names.
        shape: `(R, T, *grid)`.
        times: `(T,)` or more, or `(R, T)`.
        points: along each axis of the grid.
        boundaries: axis → kind of a boundary that is not periodic.
    """

    fields: tuple[StoredField, ...]
    channels: tuple[str, ...]
    shape: tuple[int, ...]
    times: np.ndarray
    points: list[np.ndarray]
    boundaries: Mapping[str, str] = field(default_factory=dict)


def found_in(file: Any, path: Path, wanted: Sequence[str] | None) -> Found:
    """The layout of an open file.

    Args:
        file: open.
        path: of the file, for errors.
        wanted: names of the datasets to read; None for all.

    Raises:
        UserError: it has none of the layouts, or not a wanted dataset, or its shapes differ.
    """
    if FIRST in file:
        return _grouped(file, path, wanted)
    if VELOCITY in file and TIMES in file:
        return _incompressible(file, path, wanted)
    return _together(file, path, wanted)


def _together(file: Any, path: Path, wanted: Sequence[str] | None) -> Found:
    """All trajectories in one dataset per field."""
    names = [TENSOR] if TENSOR in file else [name for name in FIELDS if name in file]
    if not names:
        raise UserError(
            f"{path} has neither '{TENSOR}', nor one of {', '.join(FIELDS)}, nor '{VELOCITY}' and "
            f"'{TIMES}', nor a group '{FIRST}', so its layout is none of PDEBench's. Use "
            "data=the_well, gridded_fields or field_arrays."
        )
    names = _chosen(names, wanted, path)
    shape = _common_shape(file, path, names, "trajectories, frames, points along each axis")
    axes = AXES[: len(shape) - 2]
    return Found(
        tuple(StoredField(name) for name in names),
        ("u",) if names == [TENSOR] else tuple(names),
        shape,
        np.asarray(dataset(file, path, "t-coordinate")),
        [np.asarray(dataset(file, path, f"{axis}-coordinate")) for axis in axes],
    )


def _grouped(file: Any, path: Path, wanted: Sequence[str] | None) -> Found:
    """A group per trajectory."""
    _chosen(["data"], wanted, path)
    groups = sorted(name for name in file if name.isdigit())
    names = [f"{group}/data" for group in groups]
    shape = _common_shape(file, path, names, "frames, points along each axis, fields")
    axes, fields = AXES[: len(shape) - 2], shape[-1]
    return Found(
        (StoredField("data", (fields,), has_trajectories=False, groups=tuple(groups)),),
        ("u",) if fields == 1 else tuple(f"u_{number}" for number in range(fields)),
        (len(groups), *shape[:-1]),
        np.asarray(dataset(file, path, f"{FIRST}/grid/t")),
        [np.asarray(dataset(file, path, f"{FIRST}/grid/{axis}")) for axis in axes],
    )


def _incompressible(file: Any, path: Path, wanted: Sequence[str] | None) -> Found:
    """Incompressible flow: vectors with a last axis of components, in a box with walls."""
    shape = dataset(file, path, VELOCITY).shape
    leading, grid = shape[:-1], shape[2:-1]
    expected = {
        VELOCITY: (*leading, len(grid)),
        PARTICLES: (*leading, 1),
        FORCE: (*leading[:1], *grid, len(grid)),
    }
    names = _chosen([name for name in expected if name in file], wanted, path)
    for name in (VELOCITY, *names):
        own = dataset(file, path, name).shape
        if own != expected[name] or len(grid) not in (2, 3):
            raise UserError(
                f"{path}: '{name}' has shape {own}. Expected: (trajectories, frames, points along "
                f"each axis, components), as of {VELOCITY}: {shape}; {FORCE} has no frames."
            )
    return Found(
        tuple(StoredField(name, expected[name][-1:], has_times=name != FORCE) for name in names),
        tuple(
            name if name == PARTICLES else f"{name}_{axis}"
            for name in names
            for axis in range(expected[name][-1])
        ),
        leading,
        np.asarray(dataset(file, path, TIMES)),
        [(np.arange(points) + 0.5) / points for points in grid],
        dict.fromkeys(AXES[: len(grid)], "a wall"),
    )


def _chosen(names: list[str], wanted: Sequence[str] | None, path: Path) -> list[str]:
    """The wanted ones of these datasets, in the order of the file's layout."""
    for name in wanted or ():
        if name not in names:
            raise UserError(f"{path} has no field '{name}': {closest(name, names)}")
    return names if wanted is None else [name for name in names if name in wanted]


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
