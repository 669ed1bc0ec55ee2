"""Rain events that are cut already, as an array in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from tqdm import tqdm

from saibench.datamodules.cache import CachedArrays, cached_arrays, new_array
from saibench.datamodules.files import data_roots, file_sha256, find_file
from saibench.datamodules.nowcasting.checks import refuse_rates
from saibench.datamodules.nowcasting.event import (
    LARGEST_RATE,
    MINUTES_PER_FRAME,
    OBSERVED_FRAMES,
    RainEvent,
    RainFrames,
)
from saibench.datamodules.nowcasting.features import OBSERVED_FEATURES, observed_features
from saibench.errors import UserError
from saibench.evidence.schema import Field
from saibench.files.npz import DamagedArray, NpzArrays
from saibench.options import Count, Positive, check_fields

ARRAY = "rain"


@dataclass(frozen=True)
class RainArrays:
    """Events of an .npz file with an array `rain` (events, T + L, H, W) in mm/h, NaN where missing.

    The `sample_id` of an event is its position.

    file: path, or name below `root`
    root: folder of the file; by default `SAIBENCH_DATA_DIR`, then `rain` in the cache
    pixel_km: side of a pixel in km
    input_frames: observed frames T of an event; the others are predicted
    minutes_per_frame: time between two frames

    Raises UserError: later, for a missing or faulty file, by event.
    """

    has_truth: ClassVar[bool] = False
    name: ClassVar[str] = "rain_arrays"

    file: str
    pixel_km: Positive
    root: str | None = None
    input_frames: Count = OBSERVED_FRAMES
    minutes_per_frame: Count = MINUTES_PER_FRAME

    def __post_init__(self) -> None:
        check_fields(self, "data")

    @property
    def target_frames(self) -> int:
        return self._shape[1] - self.input_frames

    def describe(self) -> str:
        events, _, height, width = self._shape
        return (
            f"{events:,} events of {self.input_frames} observed and {self.target_frames} target "
            f"frames, {self.minutes_per_frame} minutes apart, {height} x {width} pixels of "
            f"{self.pixel_km:.3g} km, of {self._path.name}."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({"sample_id": np.arange(self._shape[0], dtype=np.int64)})

    def recipe(self) -> dict[str, Any]:
        return {
            "source": self.name,
            "version": 1,
            "file": file_sha256(self._path),
            "pixel_km": self.pixel_km,
            "input_frames": self.input_frames,
            "minutes": self.minutes_per_frame,
        }

    def load(self, cache: Path) -> ArrayEvents:
        units = {ARRAY: "mm/h"} | {field.name: field.unit for field in OBSERVED_FEATURES}
        kept = cached_arrays(cache, "rain-arrays", self.recipe(), self._arrays, units)
        return ArrayEvents(kept, self.preview(), self.pixel_km)

    def _arrays(self, folder: Path) -> Mapping[str, np.ndarray]:
        """The rates, clipped and as float32, and the features of the events."""
        frames = RainFrames(self.input_frames, self.target_frames, self.minutes_per_frame)
        rate = new_array(folder, ARRAY, self._shape, np.float32)
        names = [field.name for field in OBSERVED_FEATURES]
        features = np.empty((len(names), len(rate)))
        bar = tqdm(self._rain, "reading rain", unit="event", mininterval=1.0)
        for row, own in enumerate(bar):
            valid = ~np.isnan(own)
            where = f"{self._path}, event {row}"
            refuse_rates(np.where(valid, own, 0), frames, where, "Use NaN for missing pixels.")
            rate[row] = np.minimum(own, np.float32(LARGEST_RATE))
            event = event_of(rate[row])
            found = observed_features(event.rate, event.valid, self.pixel_km, frames)
            features[:, row] = [found[name] for name in names]
        return {ARRAY: rate, **dict(zip(names, features, strict=True))}

    @property
    def _shape(self) -> tuple[int, int, int, int]:
        """Raises UserError: the array has other dimensions, or too few frames."""
        shape = self._rain.shape
        if len(shape) != 4 or not all(shape):
            raise UserError(
                f"{self._path}: '{ARRAY}' has shape {shape}. Use (events, frames, rows, columns)."
            )
        if shape[1] <= self.input_frames:
            raise UserError(
                f"{self._path}: '{ARRAY}' has {shape[1]} frames per event, of which "
                f"data.input_frames={self.input_frames} are observed. Add those to be predicted."
            )
        return shape

    @cached_property
    def _rain(self) -> np.ndarray:
        try:
            with NpzArrays(self._path) as arrays:
                found = arrays[ARRAY]
        except (DamagedArray, OSError) as error:
            raise UserError(f"{self._path} cannot be read ({error}).") from error
        if found.dtype.kind not in "iuf":
            raise UserError(f"{self._path}: '{ARRAY}' has type {found.dtype}. Use numbers.")
        return found

    @cached_property
    def _path(self) -> Path:
        path = Path(self.file).expanduser()
        roots = [Path()] if path.is_absolute() else data_roots(self.root, "rain")
        return find_file([str(path)], roots, ["rain"], "Set data.file and data.root")


class ArrayEvents:
    """Events mapped from the cache."""

    has_truth = False
    checked = True  # `RainArrays` refuses other rates than 0 … 1872 mm/h, and clips

    def __init__(self, kept: CachedArrays, index: pl.DataFrame, pixel_km: float) -> None:
        self.pixel_km, self.data_hash = pixel_km, kept.data_hash
        self.height, self.width = kept[ARRAY].shape[2:]
        self.index = index.with_columns(
            pl.Series(field.name, np.asarray(kept[field.name])) for field in OBSERVED_FEATURES
        )
        self._kept = kept

    def read(self, row: int) -> RainEvent:
        return event_of(np.asarray(self._kept[ARRAY][row]))

    def feature_fields(self) -> list[Field]:
        return list(OBSERVED_FEATURES)


def event_of(rate: np.ndarray) -> RainEvent:
    """An event of rates (T + L, H, W) in mm/h, NaN where missing."""
    valid = ~np.isnan(rate)
    return RainEvent(np.where(valid, rate, np.float32(0)), valid)
