"""PDEBench's HDF5 layouts (Takamoto et al. 2022, github.com/pdebench/PDEBench).

One-dimensional files and the two-dimensional Darcy flow have `tensor` (trajectory, time, x);
compressible flows have one dataset per field (`Vx`, `density`, …) of (trajectory, time, x, y).
Both have `t-coordinate`, with one time too many, and `x-coordinate`.
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
from saibench.datamodules.field_dynamics.files.hdf5 import dataset, opened
from saibench.datamodules.field_dynamics.files.parameters import parameter_values
from saibench.datamodules.field_dynamics.files.stored import (
    StoredField,
    StoredFile,
    stored_trajectories,
)
from saibench.datamodules.field_dynamics.files.times import time_step_of
from saibench.datamodules.files import file_sha256
from saibench.errors import UserError
from saibench.options import check_fields

TENSOR, FIELDS = "tensor", ("Vx", "Vy", "Vz", "density", "pressure")
AXES = ("x", "y", "z")


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
            f"the layout of PDEBench."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame(self._known)

    def recipe(self) -> dict[str, Any]:
        known = dict(self.parameters)
        hashed = file_sha256(self._path)
        return {"source": self.name, "version": 1, "file": hashed, "parameters": known}

    def layout(self) -> FieldLayout:
        return self._header[0]

    def place(self, trajectory: int) -> str:
        return f"{self._path}, trajectory {trajectory}"

    def load(self, cache: Path) -> Trajectories:
        layout, stored = self._header
        return stored_trajectories(layout, [stored], self.recipe(), self._known)

    @property
    def _path(self) -> Path:
        return Path(self.file).expanduser()

    @property
    def _known(self) -> dict[str, np.ndarray]:
        count = self.layout().trajectories
        return parameter_values(self.parameters, count)

    @cached_property
    def _header(self) -> tuple[FieldLayout, StoredFile]:
        path = self._path
        with opened(path) as file:
            names = [TENSOR] if TENSOR in file else [name for name in FIELDS if name in file]
            if not names:
                raise UserError(
                    f"{path} has neither '{TENSOR}' nor one of {', '.join(FIELDS)}, so it is not "
                    "of PDEBench's layout."
                )
            shapes = {name: dataset(file, path, name).shape for name in names}
            shape = shapes[names[0]]
            unequal = [name for name in names if shapes[name] != shape]
            if unequal or len(shape) < 3:
                name = unequal[0] if unequal else names[0]
                raise UserError(
                    f"{path}: '{name}' has shape {shapes[name]}. Expected: (trajectories, frames, "
                    f"points along each axis), as of {names[0]}: {shape}."
                )
            times = np.asarray(dataset(file, path, "t-coordinate"))[: shape[1]]
            start, step = time_step_of(times, str(path))
            lengths = tuple(_length(file, path, axis, points)
                            for axis, points in zip(AXES, shape[2:], strict=False))  # fmt: skip
        channels: Sequence[str] = ["u"] if names == [TENSOR] else names
        layout = FieldLayout(
            tuple(channels), shape[2:], lengths, step, shape[0], shape[1],
            tuple(self.parameters), start=start,
        )  # fmt: skip
        return layout, StoredFile(path, tuple(StoredField(name) for name in names), shape[0])


def _length(file: Any, path: Path, axis: str, points: int) -> float:
    """Side of the domain along an axis, whose coordinates are centres of cells."""
    centres = np.asarray(dataset(file, path, f"{axis}-coordinate"), dtype=np.float64)
    if len(centres) != points:
        raise UserError(f"{path}: {axis}-coordinate has {len(centres)} values for {points} points.")
    return float(abs(centres[-1] - centres[0]) * points / max(points - 1, 1))
