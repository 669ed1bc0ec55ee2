"""rMD17: ten molecules, 100,000 frames each, at PBE/def2-SVP (10.6084/m9.figshare.12672038)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saibench.datamodules.files import SET_ROOT, data_roots, find_file
from saibench.datamodules.force_field.npz import Keys, NpzTrajectory
from saibench.datamodules.force_field.npz_source import NpzSource
from saibench.datamodules.force_field.published import FRAMES_IN_EXCERPTS


@dataclass(frozen=True)
class RMD17(NpzSource):
    """One molecule of rMD17, sorted by time.

    The published rows are shuffled; `old_indices` is the row of each frame in the original MD17
    trajectory, of which rMD17 keeps a part, so that frames are unevenly spaced in time.
    `sample_id` is `old_indices`.

    molecule: one of the ten, as in the name of the file
    root: folder of the files or of their subfolder `npz_data/` or `rmd17/npz_data/`; by default
        `SAIBENCH_DATA_DIR`, then the folder of `saibench data download`
    energy_unit: unit of energies, and per Å of forces, in the file; kcal/mol as published

    Raises UserError: an unknown molecule; later, a missing or faulty file.
    """

    data_set = "rMD17"
    keys = Keys("nuclear_charges", "coords", "energies", "forces")
    level = "PBE/def2-SVP"

    def path(self) -> Path:
        command = "python -m saibench data download"
        return find_file(
            [f"rmd17_{self.molecule}.npz"],
            data_roots(self.root, "rmd17"),
            ["npz_data", "rmd17/npz_data"],
            f"Download an excerpt with `{command} rmd17_small --molecule {self.molecule}`, all "
            f"frames with `{command} rmd17 --molecule {self.molecule}`, or {SET_ROOT}",
        )

    def sample_ids(self, file: NpzTrajectory) -> np.ndarray:
        return file.distinct("old_indices")

    def published_frames(self) -> tuple[int, ...]:
        """Of the complete files (azobenzene has 99,988 frames) and of the excerpt."""
        return 100_000, 99_988, FRAMES_IN_EXCERPTS
