"""The jet tagging data sets that can be downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from saibench.datamodules.downloads.catalogue import Downloadable, Option
from saibench.datamodules.downloads.remote import Checksum, RemoteFile
from saibench.errors import UserError
from saibench.files.integrity import check_file

HOSTS = (
    "https://zenodo.org/records/2603256/files/{file}?download=1",
    "https://zenodo.org/api/records/2603256/files/{file}/content",
)

MD5 = MappingProxyType(
    {
        "train.h5": "45663819f47c13724f67eb0fd80bfa5c",
        "val.h5": "dca4b7248027618f041f9baa86d360fc",
        "test.h5": "13163479dee30a5fe546e4536cc3d04d",
    }
)
"""File → md5, from Zenodo's record 2603256."""

BYTES = MappingProxyType({"train.h5": 1_038_496_555, "val.h5": 347_378_076, "test.h5": 347_849_376})
"""File → its size in that record."""

SPLIT = Option("split", "download these files only", ("train", "val", "test"))


@dataclass(frozen=True)
class DownloadableTopLandscape(Downloadable):
    """The Top Quark Tagging Reference Dataset: 1,211,000 + 403,000 + 404,000 jets.

    hosts: addresses of a file, tried in turn, with `{file}` for its name
    md5: file → published md5
    """

    name = "top_landscape"
    folder = "top_landscape"
    summary = "Top Quark Tagging Reference Dataset: 2,018,000 top and QCD jets, 14 TeV, Delphes"
    size = "1.73 GB: train 1,038,496,555 bytes, val 347,378,076, test 347,849,376"
    licence = "CC BY 4.0"
    source = "https://doi.org/10.5281/zenodo.2603256"
    options = (SPLIT,)

    hosts: tuple[str, ...] = HOSTS
    md5: Mapping[str, str] = field(default_factory=lambda: MD5)

    def download(self, root: Path, *, split: Sequence[str] = ()) -> list[Path]:
        """Download to `root/{train,val,test}.h5`, or only those of `split`."""
        from saibench.datamodules.downloads.download import download

        names = [f"{part}.h5" for part in SPLIT.check(split) or SPLIT.choices]
        return [download(self._remote(name), root / name) for name in names]

    def _remote(self, name: str) -> RemoteFile:
        url, *mirrors = (host.format(file=name) for host in self.hosts)
        return RemoteFile(url, Checksum("md5", self.md5[name]), tuple(mirrors))


def check_published(path: Path) -> None:
    """Refuse a damaged file that has a published name and size, or is listed in `SHA256SUMS`.

    The published HDF5 files have no internal checksum; a damaged one would be read as other jets.

    Raises:
        UserError: the file differs from the published one, or from the listed checksum.
    """
    check_file(path, "download it with `python -m saibench data download top_landscape`")
    if path.stat().st_size == BYTES.get(path.name):
        found = Checksum.of(path, "md5").digest
        if found != MD5[path.name]:
            raise UserError(
                f"{path} is damaged: it has the size of the published file, but md5 {found}. "
                "Delete it and run `python -m saibench data download top_landscape`."
            )


DATASETS = (DownloadableTopLandscape(),)
