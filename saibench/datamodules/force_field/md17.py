"""MD17: molecular dynamics at 500 K with PBE+vdW-TS labels (quantum-machine.org/gdml)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.files import SET_ROOT, data_roots, file_sha256, find_file
from saibench.datamodules.force_field.npz import (
    EnergyUnit,
    Keys,
    NpzTrajectory,
)
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    cached_trajectory,
    trajectory_index,
)
from saibench.errors import UserError, closest
from saibench.units import PS_PER_FS

URL = "http://www.quantum-machine.org/gdml/data/npz/"
KEYS = Keys("z", "R", "E", "F")
TIMESTEP = 0.5
"""fs between two frames."""

FILES = {
    "aspirin": "md17_aspirin.npz",
    "azobenzene": "azobenzene_dft.npz",
    "benzene": "md17_benzene2017.npz",
    "ethanol": "md17_ethanol.npz",
    "malonaldehyde": "md17_malonaldehyde.npz",
    "naphthalene": "md17_naphthalene.npz",
    "paracetamol": "paracetamol_dft.npz",
    "salicylic": "md17_salicylic.npz",
    "toluene": "md17_toluene.npz",
    "uracil": "md17_uracil.npz",
}
"""Molecule → file, as published below `URL`."""


PUBLISHED_FRAMES = {
    "aspirin": 211_762,
    "azobenzene": 99_999,
    "benzene": 627_983,
    "ethanol": 555_092,
    "malonaldehyde": 993_237,
    "naphthalene": 326_250,
    "paracetamol": 106_490,
    "salicylic": 320_231,
    "toluene": 442_790,
    "uracil": 133_770,
}
"""Molecule → frames of the published file."""


@dataclass(frozen=True)
class MD17:
    """One molecule of MD17, whose frames are published in order of time.

    `sample_id` is the row in the file.

    molecule: one of the ten that rMD17 has too
    root: folder of the files (`md17_<molecule>.npz`, or as published), which may lie in `md17/`
        below it; by default `SAIBENCH_DATA_DIR`, then `md17` in the cache
    energy_unit: of energies, and with Å of forces, in the file; published ones are in kcal/mol

    Raises UserError: an unknown molecule; later, a file that is missing or faulty.
    """

    molecule: str = "aspirin"
    root: str | None = None
    energy_unit: EnergyUnit = "kcal/mol"

    def __post_init__(self) -> None:
        if self.molecule not in FILES:
            raise UserError(
                f"data.molecule={self.molecule} is not in MD17: {closest(self.molecule, FILES)}"
            )

    @property
    def name(self) -> str:
        return self.molecule

    def describe(self) -> str:
        """The published file by what it is, another by where it is."""
        frames = self.preview().height
        if frames != PUBLISHED_FRAMES[self.molecule]:
            return f"{frames:,} frames of {self.molecule} in the layout of MD17."
        return (
            f"{frames:,} frames of {self.molecule} from MD17, a molecular dynamics trajectory at "
            "500 K with energies and forces at PBE+vdW-TS."
        )

    def preview(self) -> pl.DataFrame:
        """The index; of the file, only the energies are read, to count them."""
        return _index(len(NpzTrajectory(self.path()).array(KEYS.energies)))

    def preview_symbols(self) -> list[str]:
        """Chemical symbols of the atoms, once the file's other keys are seen to be there."""
        file = NpzTrajectory(self.path())
        file.check(KEYS)
        return file.symbols(KEYS.atomic_numbers)

    def recipe(self) -> dict[str, Any]:
        return {
            "source": "md17",
            "molecule": self.molecule,
            "sha256": file_sha256(self.path()),
            "energy_unit": self.energy_unit,
        }

    def load(self, cache: Path) -> Trajectory:
        return cached_trajectory(self, cache, self._frames)

    def path(self) -> Path:
        """The file. Raises UserError: it is nowhere, and how to get it."""
        published = FILES[self.molecule]
        return find_file(
            [f"md17_{self.molecule}.npz", published],
            data_roots(self.root, "md17"),
            ["md17"],
            f"download {URL}{published}, or {SET_ROOT}",
        )

    def _frames(self) -> dict[str, np.ndarray]:
        frames = NpzTrajectory(self.path()).frames(KEYS, self.energy_unit)
        index = _index(len(frames["energies"]))
        return {**frames, **{name: index[name].to_numpy() for name in index.columns}}


def _index(count: int) -> pl.DataFrame:
    rows = np.arange(count, dtype=np.int64)
    return trajectory_index(rows, rows * TIMESTEP * PS_PER_FS)
