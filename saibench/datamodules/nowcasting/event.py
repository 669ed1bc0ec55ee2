"""A rain event, and what a source of events must offer."""

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
"""Of NowcastNet's events; a source of others says how many frames its own have."""
LARGEST_RATE = 128.0
"""mm/h; observations are clipped here, as in NowcastNet's own loader."""
SidePixels = Annotated[int, pydantic.Field(ge=32, multiple_of=32)]
"""Pixels of a side that every net can halve five times."""
RECORD_RATE = 1872.0
"""mm/h; no rain had more: 31.2 mm in a minute is the world record (Engelbrecht, Brancato 1959,
*Monthly Weather Review* 87, 303)."""


@dataclass(frozen=True)
class RainFrames:
    """How many frames events have, and how far apart in time they are.

    observed: frames that a model is given, T
    target: frames that it predicts, L
    minutes: between two frames

    Raises UserError: no whole numbers of at least 1.
    """

    observed: int = OBSERVED_FRAMES
    target: int = TARGET_FRAMES
    minutes: int = MINUTES_PER_FRAME

    def __post_init__(self) -> None:
        for name, value in (
            ("input_frames", self.observed),
            ("target_frames", self.target),
            ("minutes_per_frame", self.minutes),
        ):
            if value != int(value) or value < 1:
                raise UserError(
                    f"{name}={value} of the source of rain events is no whole number of at least 1."
                )
            # 6.0 is a whole number too, and a label of lead time is one
        for field in ("observed", "target", "minutes"):
            object.__setattr__(self, field, int(getattr(self, field)))

    @property
    def total(self) -> int:
        """Frames of an event, T + L."""
        return self.observed + self.target

    @property
    def leads(self) -> tuple[int, ...]:
        """Lead times of the target frames, in minutes after the last observed frame."""
        return tuple(self.minutes * (frame + 1) for frame in range(self.target))

    def nearest(self, minutes: float) -> int:
        """The target frame whose lead time is nearest, the earlier of two."""
        return min(range(self.target), key=lambda frame: abs(self.leads[frame] - minutes))


PUBLISHED = RainFrames()
"""Of NowcastNet's events, and of a source that does not say."""


def frames_of(source: Any) -> RainFrames:
    """What a source says of its frames: `input_frames`, `target_frames`, `minutes_per_frame`."""
    return RainFrames(
        getattr(source, "input_frames", OBSERVED_FRAMES),
        getattr(source, "target_frames", TARGET_FRAMES),
        getattr(source, "minutes_per_frame", MINUTES_PER_FRAME),
    )


@dataclass(frozen=True, eq=False)
class RainEvent:
    """The T observed and L target frames of an event.

    rate: (T + L, H, W) float32 in mm/h, 0 where it is missing, at most 128
    valid: (T + L, H, W) bool, False where the radar saw nothing
    motion: (2, H, W) float32, pixels per frame along x and y, or None where the truth is not
        known: the air at p came from p less this, a frame before
    source: (L, H, W) float32, mm/h that rain gained on its way into each target frame, or None
    """

    rate: np.ndarray
    valid: np.ndarray
    motion: np.ndarray | None = None
    source: np.ndarray | None = None


class RainEvents(Protocol):
    """Events that can be read one at a time, by their row in the index.

    index: one row an event: `sample_id` and its data features
    height, width: pixels
    pixel_km: side of a pixel in km
    data_hash: changes whenever an event changes
    has_truth: whether events know their motion and source

    Events are read once and checked before a model sees them, unless their class has
    `checked = True`, as a decoder may that can give nothing but rates from 0 to 128 mm/h.
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
        """The columns of the index beside `sample_id`."""


class RainSource(DataSource, Protocol):
    """Where events come from: a reader or a simulation.

    A source is a frozen dataclass whose fields are the keys of a `conf/data/*.yaml`. It knows
    `pixel_km` and `has_truth` of its events before they are made. Where they are not of 9 observed
    and 20 target frames 10 minutes apart, it has `input_frames`, `target_frames` and
    `minutes_per_frame` too.
    """

    @property
    def pixel_km(self) -> float:
        """Side of a pixel in km."""

    @property
    def has_truth(self) -> bool:
        """Whether events know their motion and source."""

    def load(self, cache: Path) -> RainEvents:
        """The events; what is prepared once is kept below this root."""
