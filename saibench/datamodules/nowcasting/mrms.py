"""MRMS radar events in the layout that NowcastNet's authors publish (10.24433/CO.0832447.v1)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from tqdm import tqdm

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.files import data_roots
from saibench.datamodules.loader import prefetched
from saibench.datamodules.nowcasting.checks import refuse_rates
from saibench.datamodules.nowcasting.downloads import HOW_TO_GET
from saibench.datamodules.nowcasting.event import FRAMES, LARGEST_RATE, PUBLISHED, RainEvent
from saibench.datamodules.nowcasting.features import OBSERVED_FEATURES, observed_features
from saibench.datamodules.nowcasting.radar_png import (
    PngHeader,
    read_frame,
    read_header,
    stated_checksums,
)
from saibench.errors import InsufficientData, UserError
from saibench.evidence.schema import Field
from saibench.options import Count, check_fields

PIXEL_KM = 2.0
"""0.02 degrees, after averaging 2 x 2."""
FEATURE_THREADS = 4
MAX_LISTED = 10
"""Faulty events listed in an error."""


@dataclass(frozen=True)
class MRMS:
    """Events of 29 radar frames, each a folder of PNG files: `<root>/<event>/<event>-00.png`.

    root: folder of the events or of their subfolder `figure/` or `mrms/figure/`; by default
        `SAIBENCH_DATA_DIR`, then `mrms` in the cache
    events: number of events, in order of their number; by default all

    Raises UserError: later, for a missing or faulty frame, or too few events.
    """

    pixel_km: ClassVar[float] = PIXEL_KM
    has_truth: ClassVar[bool] = False

    root: str | None = None
    events: Count | None = None

    def __post_init__(self) -> None:
        check_fields(self, "data")

    @property
    def name(self) -> str:
        return "mrms"

    def describe(self) -> str:
        header = self._header
        return (
            f"{len(self._folders):,} MRMS radar events over the United States, {header.height} x "
            f"{header.width} pixels of {PIXEL_KM:g} km."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({"sample_id": list(self._folders)}, schema={"sample_id": pl.Int64})

    def recipe(self) -> dict[str, Any]:
        """Files enter by their stated checksums, since their content may be terabytes."""
        return {"source": self.name, "version": 3, "files": self._digest}

    def load(self, cache: Path) -> RadarEvents:
        recipe = self.recipe()
        features = cached_arrays(
            cache,
            "mrms-features",
            recipe,
            self._features,
            {field.name: field.unit for field in OBSERVED_FEATURES},
        )
        index = self.preview().with_columns(
            pl.Series(field.name, features[field.name]) for field in OBSERVED_FEATURES
        )
        data_hash = hashlib.sha256(f"{recipe['files']} {features.data_hash}".encode()).hexdigest()
        return RadarEvents(index, list(self._folders.values()), self._header, data_hash)

    def _features(self, folder: Path) -> Mapping[str, np.ndarray]:
        """Features of all events, in one pass."""
        names = [field.name for field in OBSERVED_FEATURES]
        arrays = {name: new_array(folder, name, (len(self._folders),), float) for name in names}

        def features(event: Path) -> Mapping[str, float] | UserError:
            try:
                found = read_event(event, self._header)
            except UserError as fault:
                return fault
            return observed_features(found.rate, found.valid, PIXEL_KM)

        folders = list(self._folders.values())
        faults: dict[str, UserError] = {}
        # decoding releases the GIL
        found = prefetched(features, folders, FEATURE_THREADS, ahead=2 * FEATURE_THREADS)
        for row, values in enumerate(
            tqdm(found, desc="reading radar", unit="event", total=len(folders))
        ):
            if isinstance(values, UserError):
                faults[folders[row].name] = values
                continue
            for name in names:
                arrays[name][row] = values[name]
        refuse_faulty(faults)
        return arrays

    @cached_property
    def _digest(self) -> str:
        """Hash of the names, sizes and checksums of all files."""
        digest = hashlib.sha256()
        faults: dict[str, UserError] = {}
        for folder in self._folders.values():
            try:
                for path in _frames(folder):
                    checksums = stated_checksums(path).hex()
                    digest.update(f"{path.name} {path.stat().st_size} {checksums}\n".encode())
            except UserError as fault:
                faults[folder.name] = fault
        refuse_faulty(faults)
        return digest.hexdigest()

    @cached_property
    def _header(self) -> PngHeader:
        return read_header(_frames(next(iter(self._folders.values())))[0])

    @cached_property
    def _folders(self) -> dict[int, Path]:
        """Number → folder of the events, by number."""
        roots = data_roots(self.root, "mrms")
        for root in roots:
            for below in ("", "figure", "mrms/figure"):
                if found := _event_folders(root / below):
                    if self.events is not None and self.events > len(found):
                        raise InsufficientData(
                            f"data.events={self.events} exceeds the {len(found)} events in "
                            f"{root / below}. Use {len(found)} or null."
                        )
                    numbers = sorted(found)[: self.events]
                    return {number: found[number] for number in numbers}
        raise UserError(
            f"No event 00000/00000-00.png was found in {' or '.join(map(str, roots))}, nor in the "
            f"subfolder figure or mrms/figure. {HOW_TO_GET}."
        )


class RadarEvents:
    """Radar events, read from their files on each request."""

    has_truth = False
    pixel_km = PIXEL_KM
    checked = True  # `read_event` refuses or clips what is not 0 … 128 mm/h

    def __init__(
        self, index: pl.DataFrame, folders: list[Path], header: PngHeader, data_hash: str
    ) -> None:
        self.index = index
        self.data_hash = data_hash
        self.height, self.width = header.height, header.width
        self._folders = folders
        self._header = header

    def read(self, row: int) -> RainEvent:
        return read_event(self._folders[row], self._header)

    def feature_fields(self) -> list[Field]:
        return list(OBSERVED_FEATURES)


def read_event(folder: Path, header: PngHeader) -> RainEvent:
    """The 29 frames of a folder, clipped. Raises UserError: a missing or faulty frame."""
    frames = [read_frame(path, header) for path in _frames(folder)]
    rate, valid = (np.stack(part) for part in zip(*frames, strict=True))
    refuse_rates(rate, PUBLISHED, str(folder), "Use the pixel value 0 for missing pixels.")
    return RainEvent(np.minimum(rate, np.float32(LARGEST_RATE)), valid)


def refuse_faulty(faults: Mapping[str, UserError]) -> None:
    """Raise the first fault, and list the other faulty events, so that all can be fixed at once."""
    if not faults:
        return
    (first, *others), names = faults.values(), list(faults)[1:]
    if not others:
        raise first
    listed = ", ".join(names[:MAX_LISTED]) + (", …" if len(names) > MAX_LISTED else "")
    raise UserError(f"{first} {len(others)} more events are faulty: {listed}.")


def _frames(folder: Path) -> list[Path]:
    """The files of an event, in order of time."""
    paths = [folder / f"{folder.name}-{frame:02d}.png" for frame in range(FRAMES)]
    for path in paths:
        if not path.exists():
            raise UserError(
                f"{path} is missing. Use events with {FRAMES} frames, 00 to {FRAMES - 1}."
            )
    return paths


def _event_folders(root: Path) -> dict[int, Path]:
    if not root.is_dir():
        return {}
    named = [path for path in root.iterdir() if re.fullmatch(r"\d{5,}", path.name)]
    return {int(path.name): path for path in named if path.is_dir()}
