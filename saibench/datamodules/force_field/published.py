"""Names, figshare ids and md5s of the published rMD17 files (`checksums.json`).

The figshare ids and md5s are those of the newest version of the article
10.6084/m9.figshare.12672038, which has one file per molecule; the archive is version 3. `excerpts`
are the 100 files of 1,000 frames in github.com/andersx/rmd17-npz.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from saibench.datamodules.downloads.catalogue import Option

MOLECULES = (
    "aspirin",
    "azobenzene",
    "benzene",
    "ethanol",
    "malonaldehyde",
    "naphthalene",
    "paracetamol",
    "salicylic",
    "toluene",
    "uracil",
)
"""The ten molecules, as spelt in the file names."""

MOLECULE = Option("molecule", "download these molecules only", MOLECULES)

SPLITS = tuple(f"{part}_{number:02d}" for part in ("train", "test") for number in range(1, 6))
"""The author's five pairs of 1,000 training and 1,000 test frames, as spelt in the file names."""

FRAMES_IN_EXCERPTS = 9633
"""Distinct frames in the ten excerpts of a molecule."""


@dataclass(frozen=True)
class FigshareFile:
    """One file of the figshare article."""

    figshare_id: int
    md5: str


def npz_name(molecule: str) -> str:
    """Path of a molecule below the root of the data set, in the archive and in a download."""
    return f"npz_data/rmd17_{molecule}.npz"


@cache
def figshare_files() -> dict[str, FigshareFile]:
    """File name → figshare file, for the ten molecules and the ten index files."""
    return {name: FigshareFile(**entry) for name, entry in _published()["figshare"].items()}


@cache
def excerpt_md5s() -> dict[str, str]:
    """File name → md5, for the ten excerpts of each molecule."""
    return dict(_published()["excerpts"])


def _published() -> dict[str, dict]:
    return json.loads(files(__package__).joinpath("checksums.json").read_text(encoding="utf-8"))
