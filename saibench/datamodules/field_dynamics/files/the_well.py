"""The Well's HDF5 layout (Ohana et al. 2024; docs/data_format.md of PolymathicAI/the_well).

Groups `t0_fields`, `t1_fields` and `t2_fields` hold scalars, vectors and tensors of shape
(trajectory, time, *space, components), without the axes along which a field is constant, or with
one point there; `dimensions` holds `time` and the coordinates,
`boundary_conditions` a group per boundary, and `scalars` the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories
from saibench.datamodules.field_dynamics.files.coordinates import grid_note, side_of
from saibench.datamodules.field_dynamics.files.hdf5 import check_names, dataset, names_in, opened
from saibench.datamodules.field_dynamics.files.stored import (
    StoredField,
    StoredFile,
    located,
    stored_trajectories,
)
from saibench.datamodules.field_dynamics.files.times import common_time_step
from saibench.datamodules.files import file_sha256
from saibench.errors import UserError
from saibench.files.hdf5 import node, text
from saibench.options import check_fields

RANKS = {"t0_fields": 0, "t1_fields": 1, "t2_fields": 2}
"""Group → rank of its tensors."""


@dataclass(frozen=True)
class TheWell:
    """Trajectories of one data set of The Well, read from its files when they are needed.

    Fields are in single precision, in the unit of the file. Vectors and tensors become one channel
    per component (`velocity_0`, `stress_0_1`). Scalars of `scalars` that vary between trajectories
    or files are the parameters; those of `t0_fields` that are constant in time are repeated.

    Args:
        files: HDF5 files, one after another.
        fields: names of the fields to read; None for all.

    Raises:
        UserError: later, for a missing or faulty file.
    """

    files: Sequence[str]
    fields: Sequence[str] | None = None

    def __post_init__(self) -> None:
        check_fields(self, "data")
        check_names(self.fields)
        if not self.files:
            raise UserError("data.files=[] names no file. Use data.files=[<file>.hdf5].")
        seen: set[Path] = set()
        for path in self._paths:
            if path.resolve() in seen:
                raise UserError(f"data.files names {path} twice. Name each file once.")
            seen.add(path.resolve())

    @property
    def name(self) -> str:
        return "the_well"

    def describe(self) -> str:
        layout = self.layout()
        grid = " x ".join(map(str, layout.grid))
        return (
            f"{layout.trajectories:,} trajectories of {layout.frames} frames on {grid} points of "
            f"{', '.join(layout.channels)}, in the layout of The Well.{self._headers[0].note}"
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame(dict(self._parameters))

    def recipe(self) -> dict[str, Any]:
        hashes = [file_sha256(path) for path in self._paths]
        return {"source": self.name, "version": 1, "files": hashes, "fields": self.fields}

    def layout(self) -> FieldLayout:
        first = self._headers[0]
        return FieldLayout(
            first.channels,
            first.grid,
            first.lengths,
            first.time_step,
            sum(one.file.trajectories for one in self._headers),
            first.frames,
            tuple(self._parameters),
            start=first.start,
        )

    def place(self, trajectory: int) -> str:
        file, number = located([one.file for one in self._headers], trajectory)
        return f"{file.path}, trajectory {number}"

    def load(self, cache: Path) -> Trajectories:
        files = [one.file for one in self._headers]
        return stored_trajectories(self.layout(), files, self.recipe(), self._parameters)

    @property
    def _paths(self) -> list[Path]:
        return [Path(file).expanduser() for file in self.files]

    @cached_property
    def _headers(self) -> list[_Header]:
        """The files' layouts, which must agree."""
        found = [_header(path, self.fields) for path in self._paths]
        for one in found[1:]:
            for name in ("channels", "grid", "frames", "time_step"):
                own, first = getattr(one, name), getattr(found[0], name)
                if own != first:
                    raise UserError(
                        f"{one.file.path} has {name.replace('_', ' ')} {own}, and "
                        f"{found[0].file.path} {first}. Use files of one layout."
                    )
        return found

    @cached_property
    def _parameters(self) -> dict[str, np.ndarray]:
        """Scalars that vary, `(R,)` each."""
        names = dict.fromkeys(name for one in self._headers for name in one.scalars)
        found = {}
        for name in names:
            lacking = [one.file.path for one in self._headers if name not in one.scalars]
            if lacking:
                raise UserError(f"{lacking[0]} has no scalar '{name}', which other files have.")
            values = np.concatenate([one.scalars[name] for one in self._headers])
            if len(np.unique(values)) > 1:
                found[name] = values
        return found


@dataclass(frozen=True)
class _Header:
    """Layout of one file."""

    file: StoredFile
    channels: tuple[str, ...]
    grid: tuple[int, ...]
    lengths: tuple[float, ...]
    frames: int
    start: float
    time_step: float
    scalars: dict[str, np.ndarray]
    note: str


def _header(path: Path, wanted: Sequence[str] | None) -> _Header:
    with opened(path) as file:
        times = np.asarray(dataset(file, path, "dimensions/time"))
        start, step = common_time_step(times, str(path))
        frames = times.shape[-1]
        coordinates = [name for name in names_in(file, "dimensions") if name != "time"]
        attribute = file["dimensions"].attrs.get("spatial_dims")
        if attribute is not None:
            coordinates = [text(one) for one in attribute]
        sides = [np.asarray(dataset(file, path, f"dimensions/{name}")) for name in coordinates]
        points = [side if side.ndim == 1 else side.reshape(-1, side.shape[-1])[0] for side in sides]
        grid = tuple(len(one) for one in points)
        fields, channels, trajectories = _fields(file, path, grid, frames, wanted)
        return _Header(
            file=StoredFile(path, tuple(fields), trajectories),
            channels=tuple(channels),
            grid=grid,
            lengths=tuple(side_of(one) for one in points),
            frames=frames,
            start=start,
            time_step=step,
            scalars=_scalars(file, path, trajectories),
            note=grid_note(dict(zip(coordinates, points, strict=True)), _walls(file)),
        )


def _fields(
    file: Any, path: Path, grid: tuple[int, ...], frames: int, wanted: Sequence[str] | None
) -> tuple[list[StoredField], list[str], int]:
    """Fields, names of the channels, and the number of trajectories."""
    found: list[StoredField] = []
    channels: list[str] = []
    counts = set()
    known = [(group, name) for group in RANKS for name in names_in(file, group)]
    unknown = set(wanted or ()) - {name for _, name in known}
    if not known or unknown:
        what = f"no field '{min(unknown)}'" if unknown else f"none of the groups {', '.join(RANKS)}"
        names = ", ".join(name for _, name in known)
        raise UserError(f"{path} has {what}. {f'Fields: {names}.' if names else ''}".rstrip())
    for group, name in known:
        if wanted is not None and name not in wanted:
            continue
        values = dataset(file, path, f"{group}/{name}")
        varies = [bool(values.attrs.get(f"{axis}_varying", True)) for axis in ("sample", "time")]
        leading = values.shape[: sum(varies)]
        components = RANKS[group]
        points = _points(values, grid, len(leading), components)
        if points is None or (varies[1] and leading[-1] != frames):
            raise UserError(
                f"{path}: field '{name}' has shape {values.shape}. Expected: trajectories, "
                f"{frames} frames, the grid {grid} (1 along an axis without variation), and "
                f"{components} axes of components, as {group} has."
            )
        of_components = values.shape[values.ndim - components :]
        if varies[0]:
            counts.add(leading[0])
        found.append(
            StoredField(f"{group}/{name}", of_components, varies[0], varies[1], points=points)
        )
        channels += ["_".join(map(str, (name, *place))) for place in np.ndindex(of_components)]
    if len(counts) != 1:
        raise UserError(f"{path}: fields have {sorted(counts)} trajectories. Use equal numbers.")
    return found, channels, counts.pop()


def _points(
    values: Any, grid: tuple[int, ...], leading: int, components: int
) -> tuple[int, ...] | None:
    """Points of a field along each axis of the grid; None if it has another grid.

    They are 1 along an axis without variation, which the field has with one point or, as
    `dim_varying` says, lacks.
    """
    own = values.shape[leading : values.ndim - components]
    if len(own) == len(grid):
        fits = all(one in (1, points) for one, points in zip(own, grid, strict=True))
        return own if fits else None
    varies = np.ravel(values.attrs.get("dim_varying", ()))
    if len(varies) != len(grid) or varies.dtype.kind not in "bui":
        return None
    points = tuple(np.where(varies, grid, 1).tolist())
    return points if own == tuple(np.array(grid)[varies.astype(bool)].tolist()) else None


def _scalars(file: Any, path: Path, trajectories: int) -> dict[str, np.ndarray]:
    """Scalars that are constant in time, `(trajectories,)` each."""
    found = {}
    for name in names_in(file, "scalars"):
        values = np.asarray(dataset(file, path, f"scalars/{name}"), dtype=np.float64)
        if values.size in (1, trajectories) and values.ndim <= 1:
            found[name] = np.broadcast_to(values.reshape(-1), (trajectories,)).copy()
    return found


def _walls(file: Any) -> dict[str, str]:
    """Axis → kind of its boundary, of those that are not periodic."""
    found = {}
    for name in names_in(file, "boundary_conditions"):
        attributes = getattr(node(file, "boundary_conditions", name), "attrs", {})
        kind = text(attributes.get("bc_type", "periodic")).lower()
        if kind != "periodic":
            axes = [text(one) for one in np.atleast_1d(attributes.get("associated_dims", name))]
            found[" and ".join(axes)] = kind
    return found
