"""The radar data sets and their addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saibench.datamodules.downloads.catalogue import Downloadable
from saibench.datamodules.files import SET_ROOT
from saibench.errors import UserError

ADDRESS = "https://cloud.tsinghua.edu.cn/d/b9fb38e5ee7a4dabb2a6/"
HOW_TO_GET = (
    f"Download the events in a browser from {ADDRESS} (a sample of 10 is in "
    "https://codeocean.com/capsule/3935105/tree/v1, below data/dataset/mrms/figure), unpack them "
    f"to <folder>/00000/00000-00.png … 00000-28.png, and {SET_ROOT}"
)


class PublishedMRMS(Downloadable):
    """NowcastNet's test events, on a shared drive without checksums or direct links."""

    name = "mrms"
    folder = "mrms"
    summary = "NowcastNet's MRMS test events: 96,000 events of 29 radar frames, 10 minutes apart"
    size = "about 0.16 TB: 1.7 MB per event of 512 x 512 pixels"
    licence = "CC0"
    source = "https://doi.org/10.24433/CO.0832447.v1"
    by_hand = HOW_TO_GET

    def download(self, root: Path, *args: Any, **chosen: Any) -> list[Path]:
        raise UserError(f"{self.name} has no direct link. {HOW_TO_GET}.")


DATASETS = (PublishedMRMS(),)
