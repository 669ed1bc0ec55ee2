"""Rain events, and the interface of their sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import polars as pl
import pydantic

from saibench.datamodules.source import DataSource
from saibench.errors import UserError
from saibench.evidence.schema import Field

OBSERVED_FRAMES = 9
TARGET_FRAMES = 20
FRAMES = OBSERVED_FRAMES + TARGET_FRAMES
MINUTES_PER_FRAME = 10
"""Of NowcastNet's events, and of sources that do not declare other numbers."""
LARGEST_RATE = 128.0
"""mm/h, at which observations are clipped, as in NowcastNet's loader."""
SidePixels = Annotated[int, pydantic.Field(ge=32, multiple_of=32)]
"""Side in pixels that every net can halve five times."""
RECORD_RATE = 1872.0
"""mm/h, the world record: 31.2 mm in a minute (Engelbrecht, Brancato 1959, *Monthly Weather
Review* 87, 303)."""


@dataclass(frozen=True)
class RainFrames:
    """Number of frames per event, and their spacing in time.

    observed: number T of input frames
    target: number L of predicted frames
    minutes: time between two frames

    Raises UserError: a number that is not a positive integer.
    """

    observed: int = OBSERVED_FRAMES
    target: int = TARGET_FRAMES
    minutes: int = MINUTES_PER_FRAME

    def __post_init__(self) -> None:
        for field, name in (
            ("observed", "input_frames"),
            ("target", "target_frames"),
            ("minutes", "minutes_per_frame"),
        ):
            value = getattr(self, field)
            if value != int(value) or value < 1:
                raise UserError(
                    f"data.{name}={value} is not a positive integer. Use an integer >= 1."
                )
            object.__setattr__(self, field, int(value))  # 6.0 is valid, too

    @property
    def total(self) -> int:
        """Number of frames of an event, T + L."""
        return self.observed + self.target

    @property
    def leads(self) -> tuple[int, ...]:
        """Lead times of the target frames, in minutes after the last observed frame."""
        return tuple(self.minutes * (frame + 1) for frame in range(self.target))

    def nearest(self, minutes: float) -> int:
        """The target frame with the nearest lead time; of two, the earlier."""
        return min(range(self.target), key=lambda frame: abs(self.leads[frame] - minutes))


PUBLISHED = RainFrames()
"""Frames of NowcastNet's events."""


def frames_of(source: Any) -> RainFrames:
    """`input_frames`, `target_frames` and `minutes_per_frame` of a source, if it has them."""
    return RainFrames(
        getattr(source, "input_frames", OBSERVED_FRAMES),
        getattr(source, "target_frames", TARGET_FRAMES),
        getattr(source, "minutes_per_frame", MINUTES_PER_FRAME),
    )


@dataclass(frozen=True, eq=False)
class RainEvent:
    """The T observed and L target frames of an event.

    rate: (T + L, H, W) float32 in mm/h, at most 128; 0 for missing pixels
    valid: (T + L, H, W) bool, False for missing pixels
    motion: (2, H, W) float32, true motion in pixels per frame along x and y, or None: the air at
        p was at p - motion one frame before
    source: (L, H, W) float32, true source of rain in mm/h for each target frame, or None
    """

    rate: np.ndarray
    valid: np.ndarray
    motion: np.ndarray | None = None
    source: np.ndarray | None = None


class RainEvents(Protocol):
    """Events that can be read one at a time, by their row in the index.

    index: one row per event: `sample_id` and its data features
    height, width: in pixels
    pixel_km: side of a pixel in km
    data_hash: changes whenever an event changes
    has_truth: whether events have a true motion and source

    All events are read once and checked before training, unless the class has `checked = True`,
    for a decoder that only returns rates from 0 to 128 mm/h.
    """

    index: pl.DataFrame
    height: int
    width: int
    pixel_km: float
    data_hash: str
    has_truth: bool

    def read(self, row: int) -> RainEvent:
        """The event of this row."""

    def feature_fields(self) -> list[Field]:
        """The columns of the index except `sample_id`."""


class RainSource(DataSource, Protocol):
    """A reader or a simulation of rain events.

    `pixel_km` and `has_truth` are known before the events are built. For events other than 9
    observed and 20 target frames, 10 minutes apart, a source also has `input_frames`,
    `target_frames` and `minutes_per_frame`.
    """

    @property
    def pixel_km(self) -> float:
        """Side of a pixel in km."""

    @property
    def has_truth(self) -> bool:
        """Whether events have a true motion and source."""

    def load(self, cache: Path) -> RainEvents:
        """The events, prepared on the first call and read from the cache afterwards."""
