"""The complete rMD17: as single molecules, and as one archive."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saibench.datamodules.downloads.catalogue import Downloadable, Option
from saibench.datamodules.downloads.record import read_record, write_record
from saibench.datamodules.downloads.remote import Checksum, RemoteFile
from saibench.datamodules.force_field.published import (
    MOLECULE,
    MOLECULES,
    SPLITS,
    FigshareFile,
    figshare_files,
    npz_name,
)
from saibench.errors import UserError

log = logging.getLogger(__name__)

FROM_ARCHIVE = Option("archive", "extract the molecules from the archive of all ten")

ARCHIVE = RemoteFile(
    url="https://ndownloader.figshare.com/files/23950376",
    mirrors=(
        "https://api.figshare.com/v2/file/download/23950376",
        "https://archive.materialscloud.org/records/pfffs-fff86/files/rmd17.tar.bz2?download=1",
    ),
    # The article has no checksum. Several public programs pin this one, for figshare's copy and
    # for Materials Cloud's; its sha256 begins with the cddeea2ec2c4 that load-atoms pins.
    checksum=Checksum("md5", "cb1a927628d96f2e966025da4fb63d18"),
)


@dataclass(frozen=True)
class WholeRMD17(Downloadable):
    """The complete data set: single molecules, or the archive with the official splits.

    hosts: addresses of a figshare file by its id, tried in turn
    files: file name → id and md5 of the single files
    archive: version 3 of the article, without single files
    """

    name = "rmd17"
    folder = "rmd17"
    summary = "revised MD17: ten molecules, 100,000 frames each, PBE/def2-SVP"
    size = "1.07 GB; a single molecule 67-175 MB"
    licence = "CC0 1.0"
    source = "https://doi.org/10.6084/m9.figshare.12672038"
    options = (MOLECULE, FROM_ARCHIVE)

    hosts: tuple[str, ...] = (
        "https://ndownloader.figshare.com/files",
        "https://api.figshare.com/v2/file/download",
    )
    files: Mapping[str, FigshareFile] = field(default_factory=figshare_files)
    archive: RemoteFile = ARCHIVE

    def download(
        self, root: Path, *, molecule: Sequence[str] = (), archive: bool = False
    ) -> list[Path]:
        """Download to `root/npz_data/rmd17_<molecule>.npz`; all ten come as the archive.

        The archive includes the official splits.
        """
        chosen = MOLECULE.check(molecule)
        if archive or not chosen:
            return self._from_archive(root, chosen or MOLECULES)
        return [self._single(root, npz_name(molecule)) for molecule in chosen]

    def _single(self, root: Path, name: str) -> Path:
        from saibench.datamodules.downloads.download import download

        target = root / name
        if not self._holds(root, name):
            published = self.files[target.name]
            url, *mirrors = (f"{host}/{published.figshare_id}" for host in self.hosts)
            checksum = Checksum("md5", published.md5)
            download(RemoteFile(url, checksum, tuple(mirrors)), target)
        return target

    def _from_archive(self, root: Path, molecules: Sequence[str]) -> list[Path]:
        from saibench.datamodules.downloads.download import download

        names = [npz_name(molecule) for molecule in molecules]
        names += [f"splits/index_{split}.csv" for split in SPLITS]
        missing = [name for name in names if not self._holds(root, name)]
        if missing:
            self._unpack(root, download(self.archive, root / "rmd17.tar.bz2"), missing)
        return [root / name for name in names]

    def _unpack(self, root: Path, archive: Path, names: Sequence[str]) -> None:
        from saibench.datamodules.downloads.unpack import unpacked

        log.info("unpacking %s (minutes)", archive)
        with unpacked(archive, [f"rmd17/{name}" for name in names]) as members:
            if missing := [name for name in names if f"rmd17/{name}" not in members]:
                raise UserError(f"{archive} lacks {', '.join(missing)}. Nothing was unpacked.")
            md5s = {name: Checksum.of(members[f"rmd17/{name}"], "md5").digest for name in names}
            write_record(
                archive,
                {
                    "url": self.archive.url,
                    "bytes": archive.stat().st_size,
                    "sha256": Checksum.of(archive, "sha256").digest,
                    "md5 of unpacked files": {**_unpacked_md5s(root), **md5s},
                },
            )
            for name in names:
                (root / name).parent.mkdir(exist_ok=True)
                os.replace(members[f"rmd17/{name}"], root / name)
        if differing := [name for name in names if md5s[name] != self._published_md5(name)]:
            log.warning(
                "%s has another version of %s than the current single files of the article.",
                archive,
                ", ".join(differing),
            )

    def _holds(self, root: Path, name: str) -> bool:
        """Whether a published version of the file exists; UserError for another file."""
        if not (root / name).exists():
            return False
        found = Checksum.of(root / name, "md5").digest
        if found in (self._published_md5(name), _unpacked_md5s(root).get(name)):
            return True
        raise UserError(
            f"{root / name} exists and is not rMD17's published file (md5 {found}). Move it, or "
            "use another folder."
        )

    def _published_md5(self, name: str) -> str:
        return self.files[Path(name).name].md5


def _unpacked_md5s(root: Path) -> dict[str, str]:
    return read_record(root / "rmd17.tar.bz2").get("md5 of unpacked files", {})
