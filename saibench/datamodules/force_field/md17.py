"""MD17: molecular dynamics at 500 K with PBE+vdW-TS labels (quantum-machine.org/gdml)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saibench.datamodules.files import SET_ROOT, data_roots, find_file
from saibench.datamodules.force_field.npz import Keys, NpzTrajectory
from saibench.datamodules.force_field.npz_source import NpzSource

URL = "http://www.quantum-machine.org/gdml/data/npz/"
PUBLISHED = {
    "aspirin": ("md17_aspirin.npz", 211_762),
    "azobenzene": ("azobenzene_dft.npz", 99_999),
    "benzene": ("md17_benzene2017.npz", 627_983),
    "ethanol": ("md17_ethanol.npz", 555_092),
    "malonaldehyde": ("md17_malonaldehyde.npz", 993_237),
    "naphthalene": ("md17_naphthalene.npz", 326_250),
    "paracetamol": ("paracetamol_dft.npz", 106_490),
    "salicylic": ("md17_salicylic.npz", 320_231),
    "toluene": ("md17_toluene.npz", 442_790),
    "uracil": ("md17_uracil.npz", 133_770),
}
"""Molecule → published file below `URL`, and its number of frames."""


@dataclass(frozen=True)
class MD17(NpzSource):
    """One molecule of MD17, whose frames are published in order of time.

    `sample_id` is the row in the file.

    molecule: one of the ten molecules of rMD17
    root: folder of the files (`md17_<molecule>.npz`, or as published) or of their subfolder
        `md17/`; by default `SAIBENCH_DATA_DIR`, then `md17` in the cache
    energy_unit: unit of energies, and per Å of forces, in the file; kcal/mol as published

    Raises UserError: an unknown molecule; later, a missing or faulty file.
    """

    data_set = "MD17"
    keys = Keys("z", "R", "E", "F")
    level = "PBE+vdW-TS"

    def path(self) -> Path:
        published, _ = PUBLISHED[self.molecule]
        return find_file(
            [f"md17_{self.molecule}.npz", published],
            data_roots(self.root, "md17"),
            ["md17"],
            f"Download {URL}{published}, or {SET_ROOT}",
        )

    def sample_ids(self, file: NpzTrajectory) -> np.ndarray:
        return np.arange(len(file.array(self.keys.energies)), dtype=np.int64)

    def published_frames(self) -> tuple[int, ...]:
        return PUBLISHED[self.molecule][1:]
