"""A trajectory of one molecule, and the interface of its sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

UNITS = {
    "atomic_numbers": "",
    "positions": "Å",
    "energies": "eV",
    "forces": "eV/Å",
    "sample_id": "",
    "time": "ps",
    "has_forces": "",
}
"""Units of the arrays of a source."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """T frames of one molecule of A atoms, ordered by time.

    name: the molecule
    symbols: A chemical symbols
    atomic_numbers: (A,) int64
    positions: (T, A, 3) float64, Å, with the centroid of each frame at the origin
    energies: (T,) float64, eV, total energies
    forces: (T, A, 3) float64, eV/Å
    sample_id: (T,) int64, stable on every machine
    time: (T,) float64, ps, not decreasing
    data_hash: hash of all arrays
    columns: further columns of the index, (T,) each, such as `temperature`
    has_forces: (T,) bool, False for frames without forces, which are NaN there; None: all have

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

    def index(self) -> pl.DataFrame:
        """One row per frame: `sample_id`, `time` in ps and the further columns."""
        return trajectory_index(self.sample_id, self.time, self.columns)

    def with_forces(self) -> Trajectory:
        """The frames that have forces."""
        if self.has_forces is None or self.has_forces.all():
            return self
        kept = np.flatnonzero(self.has_forces)
        names = ("positions", "energies", "forces", "sample_id", "time")
        arrays = {name: getattr(self, name)[kept] for name in names}
        columns = {name: values[kept] for name, values in self.columns.items()}
        return replace(self, **arrays, columns=columns, has_forces=None)


class TrajectorySource(DataSource, Protocol):
    """A reader or a simulation of a trajectory.

    `cached_trajectory` does most of `load`, and `ase_frames.frames_of_atoms` reads all formats of
    ASE. With an optional method `preview_symbols()`, the chemical symbols of the atoms, models are
    built before anything runs. An optional attribute `index_fields`, a sequence of
    `evidence.schema.Field`, names the arrays that are further columns of the index, such as a
    temperature; an empty `time_unit` says that `time` only counts frames. The data are checked by
    `checks.check_trajectory`.
    """

    def load(self, cache: Path) -> Trajectory:
        """The trajectory, built on the first call and read from the cache afterwards."""


def formula(symbols: Sequence[str]) -> str:
    """Chemical formula in Hill order: carbon, hydrogen, then alphabetical.

    >>> formula(["O", "H", "C", "H"])
    'CH2O'
    """
    return str(Atoms(symbols).get_chemical_formula())


def cached_trajectory(
    source: TrajectorySource, cache: Path, frames: Callable[[], Arrays]
) -> Trajectory:
    """The trajectory of the arrays that `frames` makes, through the cache.

    They are those of `UNITS`, `has_forces` being optional, and one for each of the source's
    `index_fields`.
    """
    recipe = source.recipe()
    further = {field.name: field.unit for field in index_fields(source)}
    kept = cached_arrays(
        cache,
        f"{recipe['source']}-{source.name}",
        recipe,
        lambda folder: frames(),
        UNITS | further,
    )
    arrays = dict(kept.arrays)
    columns = {name: arrays.pop(name) for name in further}
    symbols = tuple(chemical_symbols[number] for number in arrays["atomic_numbers"])
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
    """Positions (T, A, 3) with the centroid of each frame at the origin.

    Far from it float32 loses the precision of bond lengths: rMD17's benzene drifts beyond 100 Å.
    """
    return positions - positions.mean(axis=1, keepdims=True)
