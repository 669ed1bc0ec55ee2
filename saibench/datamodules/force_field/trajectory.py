"""Frames of one molecule or of several, and the interface of their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from ase import Atoms
from ase.data import chemical_symbols

from saibench.datamodules.cache import Arrays, cached_arrays
from saibench.datamodules.source import DataSource
from saibench.evidence.schema import Field
from saibench.formatting import joined

UNITS = {
    "atomic_numbers": "",
    "positions": "Å",
    "energies": "eV",
    "forces": "eV/Å",
    "sample_id": "",
    "time": "ps",
    "has_forces": "",
    "cells": "Å",
    "stress": "eV/Å^3",
}
"""Units of the arrays of a source."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """T frames of one molecule of A atoms, ordered by time.

    Frames of several molecules have `atomic_numbers` (T, A), with A the largest number of atoms;
    smaller frames are padded at the end with atomic number 0 and zeros.

    name: the molecule
    symbols: A chemical symbols; empty for several molecules
    atomic_numbers: (A,) int64, or (T, A)
    positions: (T, A, 3) float64, Å, with the centroid of each molecule at the origin
    energies: (T,) float64, eV, total energies
    forces: (T, A, 3) float64, eV/Å
    sample_id: (T,) int64, stable on every machine
    time: (T,) float64, ps, not decreasing
    data_hash: hash of all arrays
    columns: further columns of the index, (T,) each, such as `temperature`
    has_forces: (T,) bool, False for frames without forces, which are NaN there; None: all have
    cells: (T, 3, 3) float64, Å, as in `force_field.cells`; None: no frame is periodic
    stress: (T, 3, 3) float64, eV/Å³, NaN where it is unknown; None: no frame has it

    Arrays are read-only memory maps.
    """

    name: str
    symbols: tuple[str, ...]
    atomic_numbers: np.ndarray
    positions: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    sample_id: np.ndarray
    time: np.ndarray
    data_hash: str
    columns: Arrays = field(default_factory=dict)
    has_forces: np.ndarray | None = None
    cells: np.ndarray | None = None
    stress: np.ndarray | None = None

    @property
    def is_mixed(self) -> bool:
        """Whether these are frames of several molecules."""
        return self.atomic_numbers.ndim == 2

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols of all atoms, each once, in alphabetical order."""
        present = np.unique(self.atomic_numbers)
        return tuple(sorted(chemical_symbols[number] for number in present if number))

    @property
    def system(self) -> str:
        """What a model of these frames applies to: a formula, or the elements of the molecules."""
        if not self.is_mixed:
            return formula(self.symbols)
        kind = "molecules" if self.cells is None else "structures"
        return f"{kind} of {joined(list(self.elements))}"

    def numbers_of(self, rows: np.ndarray) -> np.ndarray:
        """(N, A) atomic numbers of these frames, 0 for padding."""
        if self.is_mixed:
            return np.asarray(self.atomic_numbers[rows])
        return np.broadcast_to(self.atomic_numbers, (len(rows), len(self.atomic_numbers)))

    def as_mixed(self) -> Trajectory:
        """The same frames with atomic numbers (T, A), as those of several molecules."""
        numbers = self.numbers_of(np.arange(len(self.time)))
        return replace(self, symbols=(), atomic_numbers=numbers)

    def molecules(self) -> Iterator[Trajectory]:
        """The frames of each molecule, in one order of its atoms."""
        if not self.is_mixed:
            yield self
            return
        unique, which, counts = np.unique(
            self.atomic_numbers, axis=0, return_inverse=True, return_counts=True
        )
        order = np.argsort(which.reshape(-1), kind="stable")
        for own, rows in zip(unique, np.split(order, np.cumsum(counts)[:-1]), strict=True):
            numbers = own[own > 0]
            part = self.rows(rows)
            yield replace(
                part,
                symbols=tuple(chemical_symbols[number] for number in numbers),
                atomic_numbers=numbers,
                positions=part.positions[:, : len(numbers)],
                forces=part.forces[:, : len(numbers)],
            )

    def rows(self, kept: np.ndarray) -> Trajectory:
        """Some of the frames."""
        names = ("positions", "energies", "forces", "sample_id", "time")
        arrays = {name: getattr(self, name)[kept] for name in names}
        columns = {name: values[kept] for name, values in self.columns.items()}
        if self.is_mixed:
            arrays["atomic_numbers"] = self.atomic_numbers[kept]
        for name in ("has_forces", "cells", "stress"):
            if (optional := getattr(self, name)) is not None:
                arrays[name] = optional[kept]
        return replace(self, **arrays, columns=columns)

    def cells_of(self, rows: np.ndarray) -> np.ndarray | None:
        """(N, 3, 3) cells of these frames; None if no frame of the trajectory is periodic."""
        return None if self.cells is None else np.asarray(self.cells[rows])

    def index(self) -> pl.DataFrame:
        """One row per frame: `sample_id`, `time` in ps and the further columns."""
        return trajectory_index(self.sample_id, self.time, self.columns)

    def with_forces(self) -> Trajectory:
        """The frames that have forces."""
        if self.has_forces is None or self.has_forces.all():
            return self
        return replace(self.rows(np.flatnonzero(self.has_forces)), has_forces=None)


class TrajectorySource(DataSource, Protocol):
    """A reader or a simulation of a trajectory.

    `cached_trajectory` does most of `load`, and `ase_frames.frames_of_atoms` converts frames of
    ASE. With an optional method `preview_symbols()`, the chemical symbols of the atoms or None if
    they are not known, models are built before anything runs. An optional attribute `index_fields`,
    a sequence of `evidence.schema.Field`, names the arrays that are further columns of the index,
    such as a temperature; an empty `time_unit` says that `time` only counts frames. The data are
    checked by `checks.check_trajectory`.
    """

    def load(self, cache: Path) -> Trajectory:
        """The trajectory, built on the first call and read from the cache afterwards."""


def formula(atoms: Sequence[str] | np.ndarray) -> str:
    """Chemical formula in Hill order: carbon, hydrogen, then alphabetical.

    Args:
        atoms: their symbols or atomic numbers.

    >>> formula(["O", "H", "C", "H"])
    'CH2O'
    """
    return str(Atoms(atoms).get_chemical_formula())


def cached_trajectory(
    source: TrajectorySource, cache: Path, frames: Callable[[], Arrays], version: int = 1
) -> Trajectory:
    """The trajectory of the arrays that `frames` makes, through the cache.

    They are those of `UNITS`, `has_forces`, `cells` and `stress` being optional, and one for each
    of the source's `index_fields`. `version` is that of `frames`, as of `cached_arrays`.
    """
    recipe = source.recipe()
    further = {field.name: field.unit for field in index_fields(source)}
    kept = cached_arrays(
        cache,
        f"{recipe['source']}-{source.name}",
        recipe,
        lambda folder: frames(),
        UNITS | further,
        version,
    )
    arrays = dict(kept.arrays)
    columns = {name: arrays.pop(name) for name in further}
    numbers = arrays["atomic_numbers"]
    symbols = tuple(chemical_symbols[number] for number in numbers) if numbers.ndim == 1 else ()
    return Trajectory(source.name, symbols, data_hash=kept.data_hash, columns=columns, **arrays)


def index_fields(source: Any) -> tuple[Field, ...]:
    """The further columns of a source's index."""
    return tuple(getattr(source, "index_fields", ()))


def trajectory_index(
    sample_id: np.ndarray, time: np.ndarray, columns: Arrays | None = None
) -> pl.DataFrame:
    """The index of frames with these ids, times in ps and further columns."""
    further = {
        name: values.tolist() if values.dtype.kind == "U" else values  # polars reads no mapped text
        for name, values in (columns or {}).items()
    }
    return pl.DataFrame({"sample_id": sample_id, "time": time, **further})


def centred(positions: np.ndarray) -> np.ndarray:
    """Positions (T, A, 3) or (A, 3) with the centroid of each frame at the origin.

    Far from it float32 loses the precision of bond lengths: rMD17's benzene drifts beyond 100 Å.
    """
    return positions - positions.mean(axis=-2, keepdims=True)


def padded(parts: Sequence[np.ndarray]) -> np.ndarray:
    """(T, A, ...) of T arrays (A', ...), filled with zeros up to the longest.

    >>> padded([np.array([8, 1, 1]), np.array([8, 8])]).tolist()
    [[8, 1, 1], [8, 8, 0]]
    """
    longest = max(len(part) for part in parts)
    found = np.zeros((len(parts), longest, *parts[0].shape[1:]), parts[0].dtype)
    for row, part in zip(found, parts, strict=True):
        row[: len(part)] = part
    return found
