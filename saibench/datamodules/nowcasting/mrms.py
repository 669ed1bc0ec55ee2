"""MRMS radar events in the layout that NowcastNet's authors publish (10.24433/CO.0832447.v1)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from tqdm import tqdm

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.files import data_roots
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
"""0.02 degrees after averaging 2 x 2."""
FEATURE_THREADS = 4
NAMED = 10
"""Faulty events that an error names."""


@dataclass(frozen=True)
class MRMS:
    """Events of 29 radar frames, each a folder of PNG files: `<root>/<event>/<event>-00.png`.

    root: folder of the events, which may lie in `figure/` or `mrms/figure/` below it; by default
        `SAIBENCH_DATA_DIR`, then `mrms` in the cache
    events: how many of the folders, in order of their number, are used; by default all

    Raises UserError: later, when a frame is missing or faulty, or events are too few.
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
        """The checksums that the files state stand for their content, which may be terabytes."""
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
        """One pass over all events: what the index says of them."""
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
        with ThreadPoolExecutor(FEATURE_THREADS) as pool:  # decoding releases the interpreter
            found = _in_order(pool, features, folders)
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
        """Of the names, sizes and checksums of all files; once, for there may be millions."""
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
                            f"data.events={self.events} are more than the {len(found)} events in "
                            f"{root / below}; {len(found)} or null would work."
                        )
                    numbers = sorted(found)[: self.events]
                    return {number: found[number] for number in numbers}
        raise UserError(
            f"No event as 00000/00000-00.png is in {' or '.join(map(str, roots))}, nor there in "
            f"figure or mrms/figure. {HOW_TO_GET}."
        )


class RadarEvents:
    """Radar events, read from their files whenever they are asked for: memory stays flat."""

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
    """The 29 frames of a folder, clipped. Raises UserError: one is missing or faulty."""
    frames = [read_frame(path, header) for path in _frames(folder)]
    rate, valid = (np.stack(part) for part in zip(*frames, strict=True))
    refuse_rates(rate, PUBLISHED, str(folder), "Code what the radar did not see as 0.")
    return RainEvent(np.minimum(rate, np.float32(LARGEST_RATE)), valid)


def refuse_faulty(faults: Mapping[str, UserError]) -> None:
    """Raise the first fault, and name the other events that have one: all can be mended at once."""
    if not faults:
        return
    (first, *others), names = faults.values(), list(faults)[1:]
    if not others:
        raise first
    named = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    raise UserError(
        f"{str(first).removesuffix('.')}; {len(others)} more of the events are faulty: {named}."
    )


def _frames(folder: Path) -> list[Path]:
    """The files of an event, in order of time."""
    paths = [folder / f"{folder.name}-{frame:02d}.png" for frame in range(FRAMES)]
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} is missing: an event has {FRAMES} frames, 00 to {FRAMES - 1}.")
    return paths


def _event_folders(root: Path) -> dict[int, Path]:
    if not root.is_dir():
        return {}
    named = [path for path in root.iterdir() if re.fullmatch(r"\d{5,}", path.name)]
    return {int(path.name): path for path in named if path.is_dir()}


def _in_order(pool: ThreadPoolExecutor, function: Any, items: list[Path]) -> Iterator[Any]:
    """Results in the order of `items`, with only a few of them waiting at any time."""
    waiting: list[Any] = []
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > 2 * FEATURE_THREADS:
            yield waiting.pop(0).result()
    yield from (future.result() for future in waiting)
