"""Predictions of a slow model on disk, so that a test that stopped continues."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms

from saibench.errors import UserError
from saibench.files.atomic import atomic_write
from saibench.files.npz import DamagedArray, NpzArrays

SECONDS_BETWEEN_FILES = 10.0


class Predicted(NamedTuple):
    """What a model predicts of a frame.

    Args:
        energy: in eV.
        forces: (A, 3) in eV/Å.
        stress: (3, 3) in eV/Å³, 0 where it is unknown.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray


class KeptPredictions:
    """Predictions by geometry, in files of a folder.

    Args:
        folder: of one model's predictions; made when it is first needed.
        model: the model with its version, part of the key of a geometry.

    Raises:
        UserError: a file is damaged.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self.folder = folder
        self.model = model
        self._known: dict[str, Predicted] = {}
        self._new: list[str] = []
        self._written = time.monotonic()
        for path in sorted(folder.glob("*.npz")):
            self._read(path)

    def key(self, atoms: Atoms) -> str:
        """Hash of the model and of a frame's atomic numbers, positions and cell."""
        parts = [atoms.numbers.astype(np.int64), atoms.positions]
        if atoms.pbc.any():
            parts += [atoms.cell.array, atoms.pbc]
        content = b"".join([self.model.encode(), *(part.tobytes() for part in parts)])
        return hashlib.sha256(content).hexdigest()[:24]

    def get(self, key: str) -> Predicted | None:
        """The prediction; None if unknown."""
        return self._known.get(key)

    def add(self, key: str, predicted: Predicted) -> None:
        """Keep a prediction; the file may be written later."""
        self._known[key] = predicted
        self._new.append(key)
        if time.monotonic() - self._written > SECONDS_BETWEEN_FILES:
            self.write()

    def write(self) -> None:
        """Write what has no file yet."""
        self._written = time.monotonic()
        if not self._new:
            return
        found = [self._known[key] for key in self._new]
        counts = np.array([len(one.forces) for one in found])
        self.folder.mkdir(exist_ok=True)
        with atomic_write(self.folder / f"{self._new[0]}.npz") as aside, aside.open("wb") as file:
            np.savez(
                file,
                key=np.array(self._new),
                energy=np.array([one.energy for one in found]),
                num_atoms=counts,
                forces=np.concatenate([one.forces for one in found]),
                stress=np.stack([one.stress for one in found]),
            )
        self._new = []

    def _read(self, path: Path) -> None:
        try:
            with NpzArrays(path) as arrays:
                parts = np.split(arrays["forces"], np.cumsum(arrays["num_atoms"])[:-1])
                columns = arrays["key"], arrays["energy"], parts, arrays["stress"]
                for key, energy, forces, stress in zip(*columns, strict=True):
                    self._known[str(key)] = Predicted(float(energy), forces, stress)
        except DamagedArray as error:
            raise UserError(f"{path} is damaged ({error}). Remove it and run again.") from error
