"""rMD17: ten molecules, 100,000 frames each, at PBE/def2-SVP (10.6084/m9.figshare.12672038)."""

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
    in_order,
)
from saibench.datamodules.force_field.published import FRAMES_IN_EXCERPTS, MOLECULES
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    cached_trajectory,
    trajectory_index,
)
from saibench.errors import UserError, closest
from saibench.units import PS_PER_FS

KEYS = Keys("nuclear_charges", "coords", "energies", "forces")
TIMESTEP = 0.5
"""fs between two frames of the original MD17, which `old_indices` counts."""


PUBLISHED_FRAMES = (100_000, 99_988, FRAMES_IN_EXCERPTS)
"""Frames of the published files (azobenzene has 99,988) and of the excerpt."""


@dataclass(frozen=True)
class RMD17:
    """One molecule of rMD17, brought back into order of time.

    The published rows are shuffled; `old_indices` says where each stood in the original MD17
    trajectory, of which rMD17 keeps some frames only, so that neighbours are unevenly spaced in
    time. `sample_id` is `old_indices`.

    molecule: one of the ten, as in the file's name
    root: folder of the files, which may lie in `npz_data/` or `rmd17/npz_data/` below it; by
        default `SAIBENCH_DATA_DIR`, then the folder that `saibench data download` fills
    energy_unit: of energies, and with Å of forces, in the file; published ones are in kcal/mol

    Raises UserError: an unknown molecule; later, a file that is missing or faulty.
    """

    molecule: str = "aspirin"
    root: str | None = None
    energy_unit: EnergyUnit = "kcal/mol"

    def __post_init__(self) -> None:
        if self.molecule not in MOLECULES:
            known = closest(self.molecule, MOLECULES)
            raise UserError(f"data.molecule={self.molecule} is not in rMD17: {known}")

    @property
    def name(self) -> str:
        return self.molecule

    def describe(self) -> str:
        """A published file by what it is, another by where it is."""
        frames = self.preview().height
        if frames not in PUBLISHED_FRAMES:
            return f"{frames:,} frames of {self.molecule} in the layout of rMD17."
        return (
            f"{frames:,} frames of {self.molecule} from rMD17, a molecular dynamics trajectory at "
            "500 K with energies and forces at PBE/def2-SVP."
        )

    def preview(self) -> pl.DataFrame:
        """The index; of the whole file, only `old_indices` is read."""
        sample_id = np.sort(self._file().distinct("old_indices"))
        return trajectory_index(sample_id, _time(sample_id))

    def preview_symbols(self) -> list[str]:
        """Chemical symbols of the atoms, once the file's other keys are seen to be there."""
        file = self._file()
        file.check(KEYS)
        return file.symbols(KEYS.atomic_numbers)

    def recipe(self) -> dict[str, Any]:
        return {
            "source": "rmd17",
            "molecule": self.molecule,
            "sha256": file_sha256(self.path()),
            "energy_unit": self.energy_unit,
        }

    def load(self, cache: Path) -> Trajectory:
        return cached_trajectory(self, cache, self._frames)

    def path(self) -> Path:
        """The file. Raises UserError: it is nowhere, and how to get it."""
        command = "python -m saibench data download"
        return find_file(
            [f"rmd17_{self.molecule}.npz"],
            data_roots(self.root, "rmd17"),
            ["npz_data", "rmd17/npz_data"],
            f"get an excerpt with `{command} rmd17_small --molecule {self.molecule}`, the whole "
            f"with `{command} rmd17 --molecule {self.molecule}`, or {SET_ROOT}",
        )

    def _file(self) -> NpzTrajectory:
        return NpzTrajectory(self.path())

    def _frames(self) -> dict[str, np.ndarray]:
        file = self._file()
        sample_id = file.distinct("old_indices")
        frames = file.frames(KEYS, self.energy_unit)
        if len(sample_id) != len(frames["energies"]):
            raise UserError(
                f"{file.path}, key 'old_indices' has {len(sample_id)} rows and 'energies' has "
                f"{len(frames['energies'])}: both need one a frame."
            )
        return in_order(frames, sample_id, _time(sample_id))


def _time(sample_id: np.ndarray) -> np.ndarray:
    return sample_id * TIMESTEP * PS_PER_FS
