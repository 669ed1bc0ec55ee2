"""Trajectories in NumPy's .npz files: read, and every fault refused by file, key and row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from ase.data import chemical_symbols

from saibench.datamodules.cache import Arrays
from saibench.datamodules.force_field.energy_units import ENERGY_UNITS
from saibench.datamodules.force_field.trajectory import centred
from saibench.errors import UserError, closest, first_line
from saibench.files.npz import DamagedArray, NpzArrays, TooLarge

EnergyUnit = Literal["kcal/mol", "eV", "kJ/mol", "Hartree"]
CELL = ("cell", "lattice", "unit_cell", "box", "pbc")
"""Keys under which periodic data keep their cell, in whatever case."""


@dataclass(frozen=True)
class Keys:
    """The names under which a data set keeps its arrays."""

    atomic_numbers: str
    positions: str
    energies: str
    forces: str


class NpzTrajectory:
    """An .npz file with the frames of one isolated molecule.

    Raises UserError: the file is no npz file, or is truncated.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = NpzArrays(path)
        except (DamagedArray, OSError) as error:
            raise self._incomplete(error) from error

    def array(self, key: str) -> np.ndarray:
        """One array of the file. Raises UserError: it is missing, empty or can't be read."""
        if key not in self.file:
            raise UserError(f"{self.path} has no key '{key}': {closest(key, self.file.names)}")
        try:
            array = self.file[key]
        except (DamagedArray, OSError) as error:
            raise self._incomplete(error) from error
        if array.size == 0:
            raise UserError(f"{self.path}, key '{key}' is empty: a trajectory has frames.")
        return array

    def check(self, keys: Keys) -> None:
        """Refuse a key that is missing, by what the file says of itself, and a periodic cell."""
        self._check_isolated()
        for key in (keys.atomic_numbers, keys.positions, keys.energies, keys.forces):
            if key not in self.file:
                raise UserError(f"{self.path} has no key '{key}': {closest(key, self.file.names)}")

    def symbols(self, key: str) -> list[str]:
        """The chemical symbols of the atomic numbers under a key."""
        numbers = self._elements(key, self._shaped(key, (None,)))
        return [chemical_symbols[number] for number in numbers]

    def frames(self, keys: Keys, energy_unit: EnergyUnit) -> dict[str, np.ndarray]:
        """Atomic numbers, centred positions in Å, energies in eV and forces in eV/Å.

        Args:
            keys: of the file.
            energy_unit: of the file's energies, and with Å of its forces.

        Rows are in the order of the file. Raises UserError: a missing key, a wrong shape, a
        non-finite value, a periodic cell.
        """
        self._check_isolated()
        to_ev = ENERGY_UNITS[energy_unit]
        numbers = self._shaped(keys.atomic_numbers, (None,))
        energies = self.array(keys.energies)
        if energies.ndim == 2 and energies.shape[1] == 1:  # MD17 has (T, 1) or (T,)
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
        """An integer array (T,) in which no value occurs twice.

        Raises UserError, naming two rows of the file that have the same value.
        """
        values = self._shaped(key, (None,))
        if values.dtype.kind not in "iu":
            raise UserError(
                f"{self.path}, key '{key}' holds {values.dtype} values: integers are expected."
            )
        order = np.argsort(values, kind="stable")
        twins = np.flatnonzero(np.diff(values[order]) == 0)
        if len(twins):
            first, second = order[twins[0]], order[twins[0] + 1]
            raise UserError(
                f"{self.path}, key '{key}' has the value {values[first]} in rows {first} and "
                f"{second}: each frame needs its own."
            )
        return values.astype(np.int64)

    def _check_isolated(self) -> None:
        """Refuse a cell, unless the file says that nothing is periodic."""
        there = {key.lower(): key for key in self.file.names if key.lower() in CELL}
        if "pbc" in there and not np.any(self.array(there["pbc"])):
            return
        periodic = [key for key in there.values() if np.any(self.array(key))]
        if periodic:
            raise UserError(
                f"{self.path}, key '{periodic[0]}' is of a periodic cell, which is not supported: "
                "its molecule would be taken as isolated. Use isolated molecules, or pbc=False "
                "where the cell is only a box around one."
            )

    def _elements(self, key: str, numbers: np.ndarray) -> np.ndarray:
        strange = np.flatnonzero((numbers < 1) | (numbers > 118) | (numbers % 1 != 0))
        if len(strange):
            row = strange[0]
            raise UserError(
                f"{self.path}, key '{key}' has {numbers[row]} in row {row}: an atomic number is "
                "1 to 118."
            )
        return numbers.astype(np.int64)

    def _shaped(self, key: str, shape: Sequence[int | None]) -> np.ndarray:
        array = self.array(key)
        self._check(key, array, shape)
        return array

    def _check(self, key: str, array: np.ndarray, shape: Sequence[int | None]) -> None:
        fits = array.ndim == len(shape) and all(
            wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise UserError(
                f"{self.path}, key '{key}' has shape {array.shape}: ({wanted}) is expected."
            )
        if array.dtype.kind not in "fiu":
            raise UserError(
                f"{self.path}, key '{key}' holds {array.dtype} values: numbers are expected."
            )
        finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
        if not finite.all():
            bad = np.flatnonzero(~finite)
            raise UserError(
                f"{self.path}, key '{key}' has a value that is not finite in row {bad[0]} "
                f"({len(bad)} of {len(array)} rows have one): every value must be."
            )

    def _incomplete(self, error: Exception) -> UserError:
        if isinstance(error, TooLarge):
            return UserError(
                f"{self.path} is not read: {first_line(error)}. Use a file with fewer frames."
            )
        return UserError(
            f"{self.path} is not a whole npz file ({first_line(error)}): an interrupted copy or "
            "download leaves such a file, so fetch it again."
        )


def in_order(frames: Arrays, sample_id: np.ndarray, time: np.ndarray) -> dict[str, np.ndarray]:
    """`frames` with ids and times in ps, sorted by id; atomic numbers have no frame axis."""
    order = np.argsort(sample_id, kind="stable")
    columns = {**frames, "sample_id": sample_id, "time": time}
    numbers = columns.pop("atomic_numbers")
    return {"atomic_numbers": numbers, **{name: of[order] for name, of in columns.items()}}
