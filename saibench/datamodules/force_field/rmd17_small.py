"""The small form of rMD17: ten excerpts of 1,000 frames per molecule, merged after download.

The first author of rMD17 publishes the frames of the five official training and test sets as
separate files. Sets of different numbers overlap: together they have 9,633 frames, spread evenly
over the trajectory, in a tenth of the bytes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saibench.datamodules.downloads.catalogue import Downloadable
from saibench.datamodules.downloads.part import sole_writer
from saibench.datamodules.downloads.record import read_record, write_record
from saibench.datamodules.downloads.remote import Checksum, RemoteFile
from saibench.datamodules.force_field.published import (
    FRAMES_IN_EXCERPTS,
    MOLECULE,
    MOLECULES,
    SPLITS,
    excerpt_md5s,
    npz_name,
)
from saibench.errors import UserError

EXCERPTS_URL = (
    "https://raw.githubusercontent.com/andersx/rmd17-npz/"
    "4f6bb0a186822c90d47cd98b7a27991fe0b3173b/rmd17-npz"
)


@dataclass(frozen=True)
class SmallRMD17(Downloadable):
    """The excerpts by rMD17's author, merged to one file per molecule.

    base_url: folder of the excerpts
    md5s: file name → md5 of the excerpts
    frames: number of distinct frames in the ten excerpts of a molecule
    """

    name = "rmd17_small"
    folder = "rmd17"
    summary = f"the {FRAMES_IN_EXCERPTS:,} frames per molecule of rMD17's official splits"
    size = "110 MB; a single molecule 7-18 MB"
    licence = "CC0 1.0"
    source = "https://github.com/andersx/rmd17-npz"
    options = (MOLECULE,)

    base_url: str = EXCERPTS_URL
    md5s: Mapping[str, str] = field(default_factory=excerpt_md5s)
    frames: int = FRAMES_IN_EXCERPTS

    def download(self, root: Path, *, molecule: Sequence[str] = ()) -> list[Path]:
        """Download to `root/npz_data/rmd17_<molecule>.npz`; all ten molecules by default."""
        return [self._merged(root, name) for name in MOLECULE.check(molecule) or MOLECULES]

    def _merged(self, root: Path, molecule: str) -> Path:
        from saibench.datamodules.downloads.download import download
        from saibench.datamodules.force_field.rmd17_excerpts import merge, write

        target = root / npz_name(molecule)
        target.parent.mkdir(parents=True, exist_ok=True)
        with sole_writer(target):
            if _is_merged(target):
                return target
            folder = root / "excerpts" / molecule
            names = [f"rmd17_{molecule}_{split}.npz" for split in SPLITS]
            merged = merge([download(self._excerpt(name), folder / name) for name in names])
            if (frames := len(merged["old_indices"])) != self.frames:
                raise UserError(
                    f"The excerpts of {molecule} have {frames:,} distinct frames instead of "
                    f"{self.frames:,}. Nothing was written."
                )
            draft = target.with_name(f"{target.name}.part")
            write(merged, draft)
            write_record(
                target,
                {
                    "sha256": Checksum.of(draft, "sha256").digest,
                    "merged from": {f"{self.base_url}/{name}": self.md5s[name] for name in names},
                },
            )
            os.replace(draft, target)
            shutil.rmtree(folder)
        return target

    def _excerpt(self, name: str) -> RemoteFile:
        return RemoteFile(f"{self.base_url}/{name}", Checksum("md5", self.md5s[name]))


def _is_merged(target: Path) -> bool:
    if not target.exists():
        return False
    if Checksum.of(target, "sha256").digest == read_record(target).get("sha256"):
        return True
    raise UserError(
        f"{target} exists and was not merged from rMD17's excerpts. Move it, or use another folder."
    )
