"""Trajectories of PDEBench's HDF5 files (Takamoto et al. 2022, github.com/pdebench/PDEBench)."""

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
from saibench.datamodules.field_dynamics.files.hdf5 import check_names, opened
from saibench.datamodules.field_dynamics.files.parameters import parameter_values
from saibench.datamodules.field_dynamics.files.pdebench_layouts import AXES, found_in
from saibench.datamodules.field_dynamics.files.stored import StoredFile, stored_trajectories
from saibench.datamodules.field_dynamics.files.times import common_time_step
from saibench.datamodules.files import file_sha256
from saibench.errors import UserError
from saibench.options import check_fields


@dataclass(frozen=True)
class PDEBench:
    """Trajectories of one of PDEBench's files, read when they are needed, in single precision.

    Args:
        file: the HDF5 file.
        parameters: name → number, or a list with one per trajectory, such as the constants of the
            equation that the file's name states.
        fields: names of the datasets to read; None for all.

    Raises:
        UserError: later, for a missing or faulty file.
    """

    file: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fields: Sequence[str] | None = None

    def __post_init__(self) -> None:
        check_fields(self, "data")
        check_names(self.fields)

    @property
    def name(self) -> str:
        return "pdebench"

    def describe(self) -> str:
        layout = self.layout()
        grid = " x ".join(map(str, layout.grid))
        return (
            f"{layout.trajectories:,} trajectories of {layout.frames} frames on {grid} points of "
            f"{', '.join(layout.channels)}, in the layout of PDEBench.{self._header.note}"
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame(self._known)

    def recipe(self) -> dict[str, Any]:
        known = dict(self.parameters)
        hashed = file_sha256(self._path)
        recipe = {"source": self.name, "version": 1, "file": hashed, "parameters": known}
        return recipe if self.fields is None else {**recipe, "fields": list(self.fields)}

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
            found = found_in(file, path, self.fields)
        _, frames, *grid = found.shape
        along = [one.shape for one in found.points]
        times = found.times.shape[-1] if found.times.ndim else 0
        if times < frames or along != [(one,) for one in grid]:
            raise UserError(
                f"{path}: {times} times, and coordinates of the shapes {along}. Expected: {frames} "
                f"frames, and the grid {grid}."
            )
        start, step = common_time_step(found.times[..., :frames], str(path))
        layout = FieldLayout(
            found.channels, tuple(grid), tuple(map(side_of, found.points)), step, found.shape[0],
            frames, tuple(self.parameters), start=start,
        )  # fmt: skip
        note = grid_note(dict(zip(AXES, found.points, strict=False)), found.boundaries)
        return _Header(layout, StoredFile(path, found.fields, found.shape[0]), note)


@dataclass(frozen=True)
class _Header:
    layout: FieldLayout
    file: StoredFile
    note: str
