"""Events of a series, mapped from the cache."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from saibench.datamodules.cache import CachedArrays
from saibench.datamodules.nowcasting.event import LARGEST_RATE, RainEvent
from saibench.datamodules.nowcasting.features import OBSERVED_FEATURES
from saibench.evidence.schema import BEFORE, Field

HOURS = Field(
    "time",
    "float64",
    "h",
    "event",
    "feature",
    "time of the last observed frame, since the first frame of the series",
    BEFORE,
)
ISSUED = Field(
    "issued", "string", "", "event", "feature", "time of the last observed frame, UTC", BEFORE
)


class SeriesEvents:
    """Events that share one array of frames."""

    has_truth = False
    checked = True  # `RainSeries` refuses what is not 0 … 1872 mm/h, and `read_event` clips

    def __init__(
        self, frames: CachedArrays, events: CachedArrays, index: pl.DataFrame, pixel_km: float
    ) -> None:
        self.pixel_km = pixel_km
        self.height, self.width = frames["rate"].shape[1:]
        self.data_hash = hashlib.sha256(
            f"{frames.data_hash} {events.data_hash}".encode()
        ).hexdigest()
        self.index = index.with_columns(
            pl.Series(field.name, np.asarray(events[field.name])) for field in OBSERVED_FEATURES
        )
        self._frames, self._events = frames, events

    def read(self, row: int) -> RainEvent:
        return read_event(self._frames["rate"], self._events["rows"][row])

    def feature_fields(self) -> list[Field]:
        return [HOURS, ISSUED, *OBSERVED_FEATURES]


def read_event(rate: np.ndarray, rows: np.ndarray) -> RainEvent:
    """The event with these frames, clipped at 128 mm/h.

    Args:
        rate: (frames, H, W) float32 in mm/h, NaN where missing.
        rows: (T + L,).
    """
    values = np.asarray(rate[rows])
    valid = ~np.isnan(values)
    return RainEvent(np.minimum(np.where(valid, values, 0), np.float32(LARGEST_RATE)), valid)
