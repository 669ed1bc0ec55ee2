"""Reader of trajectories in .npz files, which names every fault by file, key and row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from ase.data import chemical_symbols

from saibench.datamodules.cache import Arrays
from saibench.datamodules.force_field.energy_units import ENERGY_UNITS
from saibench.datamodules.force_field.trajectory import centred
from saibench.errors import UserError, closest, first_line
from saibench.files.npz import DamagedArray, NpzArrays, TooLarge

EnergyUnit = Literal["kcal/mol", "eV", "kJ/mol", "Hartree"]
CELL = ("cell", "lattice", "unit_cell", "box", "pbc")
"""Keys of the cell in periodic data, in upper or lower case."""


@dataclass(frozen=True)
class Keys:
    """Names of the arrays in the files of a data set."""

    atomic_numbers: str
    positions: str
    energies: str
    forces: str


class NpzTrajectory:
    """An .npz file with the frames of one isolated molecule.

    Raises UserError: the file is not an .npz file, or is truncated.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = NpzArrays(path)
        except (DamagedArray, OSError) as error:
            raise self._incomplete(error) from error

    def array(self, key: str) -> np.ndarray:
        """One array of the file. Raises UserError: it is missing, empty or damaged."""
        self._check_key(key)
        try:
            array = self.file[key]
        except (DamagedArray, OSError) as error:
            raise self._incomplete(error) from error
        if array.size == 0:
            raise UserError(f"{self.path}, key '{key}' is empty. Use a file with frames.")
        return array

    def check(self, keys: Keys) -> None:
        """Refuse a missing key and a periodic cell, without reading large arrays."""
        self._check_isolated()
        for key in (keys.atomic_numbers, keys.positions, keys.energies, keys.forces):
            self._check_key(key)

    def symbols(self, key: str) -> list[str]:
        """Chemical symbols of the atomic numbers under a key."""
        numbers = self._elements(key, self._shaped(key, (None,)))
        return [chemical_symbols[number] for number in numbers]

    def frames(self, keys: Keys, energy_unit: EnergyUnit) -> dict[str, np.ndarray]:
        """Atomic numbers, centred positions in Å, energies in eV and forces in eV/Å.

        Args:
            keys: names of the arrays.
            energy_unit: unit of the energies, and per Å of the forces, in the file.

        Rows are in the order of the file. Raises UserError: a missing key, a wrong shape, a
        non-finite value, a periodic cell.
        """
        self._check_isolated()
        to_ev = ENERGY_UNITS[energy_unit]
        numbers = self._shaped(keys.atomic_numbers, (None,))
        energies = self.array(keys.energies)
        if energies.ndim == 2 and energies.shape[1] == 1:  # files of MD17 have (T, 1) or (T,)
            energies = energies[:, 0]
        self._check(keys.energies, energies, (None,))
        shape = (len(energies), len(numbers), 3)
        positions, forces = self._shaped(keys.positions, shape), self._shaped(keys.forces, shape)
        return {
            "atomic_numbers": self._elements(keys.atomic_numbers, numbers),
            "positions": centred(positions.astype(np.float64)),
            "energies": energies.astype(np.float64) * to_ev,
            "forces": forces.astype(np.float64) * to_ev,
        }

    def distinct(self, key: str) -> np.ndarray:
        """An integer array (T,) without repeated values.

        Raises UserError, naming two rows with the same value.
        """
        values = self._shaped(key, (None,))
        if values.dtype.kind not in "iu":
            raise UserError(f"{self.path}, key '{key}' has {values.dtype} values. Use integers.")
        order = np.argsort(values, kind="stable")
        repeated = np.flatnonzero(np.diff(values[order]) == 0)
        if len(repeated):
            first, second = order[repeated[0] : repeated[0] + 2]
            raise UserError(
                f"{self.path}, key '{key}' has the value {values[first]} in rows {first} and "
                f"{second}. Use a different value for each frame."
            )
        return values.astype(np.int64)

    def _check_key(self, key: str) -> None:
        if key not in self.file:
            raise UserError(f"{self.path} has no key '{key}'; {closest(key, self.file.names)}")

    def _check_isolated(self) -> None:
        """Refuse a cell, unless the file has pbc=False."""
        found = {key.lower(): key for key in self.file.names if key.lower() in CELL}
        if "pbc" in found and not np.any(self.array(found["pbc"])):
            return
        periodic = [key for key in found.values() if np.any(self.array(key))]
        if periodic:
            raise UserError(
                f"{self.path}, key '{periodic[0]}': periodic cells are not supported in .npz "
                "files. Use data=ase with extended XYZ, or pbc=False if the cell is only a box "
                "around a molecule."
            )

    def _elements(self, key: str, numbers: np.ndarray) -> np.ndarray:
        invalid = np.flatnonzero((numbers < 1) | (numbers > 118) | (numbers % 1 != 0))
        if len(invalid):
            row = invalid[0]
            raise UserError(
                f"{self.path}, key '{key}' has {numbers[row]} in row {row}. Use atomic numbers "
                "from 1 to 118."
            )
        return numbers.astype(np.int64)

    def _shaped(self, key: str, shape: Sequence[int | None]) -> np.ndarray:
        array = self.array(key)
        self._check(key, array, shape)
        return array

    def _check(self, key: str, array: np.ndarray, shape: Sequence[int | None]) -> None:
        fits = array.ndim == len(shape) and all(
            expected in (None, found) for expected, found in zip(shape, array.shape, strict=True)
        )
        if not fits:
            expected = ", ".join("any" if size is None else str(size) for size in shape)
            raise UserError(
                f"{self.path}, key '{key}' has shape {array.shape}. Expected: ({expected})."
            )
        if array.dtype.kind not in "fiu":
            raise UserError(f"{self.path}, key '{key}' has {array.dtype} values. Use numbers.")
        finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
        if not finite.all():
            bad = np.flatnonzero(~finite)
            raise UserError(
                f"{self.path}, key '{key}' has NaN or Inf in row {bad[0]} ({len(bad)} of "
                f"{len(array)} rows). Remove these frames."
            )

    def _incomplete(self, error: Exception) -> UserError:
        if isinstance(error, TooLarge):
            return UserError(
                f"{self.path} is too large: {first_line(error)}. Use a file with fewer frames."
            )
        return UserError(
            f"{self.path} is not a complete .npz file ({first_line(error)}), as after an "
            "interrupted download. Download it again."
        )


def in_order(frames: Arrays, index: pl.DataFrame) -> dict[str, np.ndarray]:
    """`frames` with the columns of their index, sorted by `sample_id`."""
    order = np.argsort(index["sample_id"].to_numpy(), kind="stable")
    columns = {**frames, **{name: index[name].to_numpy() for name in index.columns}}
    numbers = columns.pop("atomic_numbers")  # has no frame axis
    return {"atomic_numbers": numbers, **{name: of[order] for name, of in columns.items()}}
