"""A user's source of rain events, with another time step than the shipped ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from saibench.datamodules.nowcasting.event import RainEvent, frames_of
from saibench.datamodules.nowcasting.features import OBSERVED_FEATURES, observed_features
from saibench.evidence.schema import Field

SIDE = 32


@dataclass(frozen=True)
class Radar:
    """A shower that moves right by one pixel per frame; event 3 has the `fault`.

    With the fault "unseen", events from 8 on have no valid pixel. The rate grows by 0.1 mm/h per
    hour at any time step.
    """

    minutes_per_frame: float = 6
    input_frames: int = 5
    target_frames: int = 12
    pixel_km: float = 1.0
    events: int = 16
    fault: str = ""

    has_truth: ClassVar[bool] = False
    name: ClassVar[str] = "radar"

    def describe(self) -> str:
        return f"{self.events} showers every {self.minutes_per_frame:g} minutes."

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({"sample_id": np.arange(self.events)})

    def recipe(self) -> dict[str, Any]:
        return {"source": self.name}

    def load(self, cache: Path) -> Showers:
        return Showers(self)


@dataclass(frozen=True)
class Sited(Radar):
    """A radar whose site, `root`, changes the data and is missing from the recipe."""

    root: str = "north"


class Showers:
    has_truth = False
    height = width = SIDE

    def __init__(self, source: Radar) -> None:
        self.source = source
        self.pixel_km = source.pixel_km
        self.data_hash = str(source)
        events = [
            self.read(row) if self._unseen(row) else self._shower() for row in range(source.events)
        ]
        frames = frames_of(source)
        features = [observed_features(e.rate, e.valid, self.pixel_km, frames) for e in events]
        self.index = source.preview().hstack(pl.DataFrame(features))

    def _shower(self) -> RainEvent:
        total = self.source.input_frames + self.source.target_frames
        hours = np.arange(total)[:, None, None] * self.source.minutes_per_frame / 60
        y, x = np.mgrid[:SIDE, :SIDE]
        x = x - 6 - np.arange(total)[:, None, None]
        shower = 8 * np.exp(-(x**2 + (y - 16) ** 2) / 8) * (x > -7)
        rate = (shower + 0.1 * hours).astype(np.float32)
        return RainEvent(rate, np.ones(rate.shape, dtype=bool))

    def _unseen(self, row: int) -> bool:
        return self.source.fault == "unseen" and row >= 8

    def read(self, row: int) -> RainEvent:
        shower = self._shower()
        rate, valid = shower.rate, shower.valid
        if self._unseen(row):
            return RainEvent(np.zeros_like(rate), np.zeros_like(valid))
        if row == 3 and self.source.fault == "undetect":
            rate[7, 0] = -99
        if row == 3 and self.source.fault == "fill":
            rate[7, 0] = 65535
        if row == 3 and self.source.fault == "undefined":
            rate[2, 0, 0] = np.nan
        if row == 3 and self.source.fault == "short":
            rate, valid = rate[:-1], valid[:-1]
        heavier = 3 if getattr(self.source, "root", None) == "south" else 1
        return RainEvent(heavier * rate, valid)

    def feature_fields(self) -> list[Field]:
        return list(OBSERVED_FEATURES)
