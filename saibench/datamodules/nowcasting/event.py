"""A rain event, and what a source of events must offer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from saibench.evidence.schema import Field

OBSERVED_FRAMES = 9
TARGET_FRAMES = 20
FRAMES = OBSERVED_FRAMES + TARGET_FRAMES
MINUTES_PER_FRAME = 10
LARGEST_RATE = 128.0
"""mm/h; observations are clipped here, as in NowcastNet's own loader."""


@dataclass(frozen=True, eq=False)
class RainEvent:
    """29 frames, 10 minutes apart.

    rate: (29, H, W) float32 in mm/h, 0 where it is missing, at most 128
    valid: (29, H, W) bool, False where the radar saw nothing
    motion: (2, H, W) float32, pixels per frame along x and y, or None where the truth is not
        known: the air at p came from p less this, 10 minutes before
    source: (20, H, W) float32, mm/h that rain gained on its way into each target frame, or None
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


class RainSource(Protocol):
    """Where events come from: a reader or a simulation.

    A source is a frozen dataclass whose fields are the keys of a `conf/data/*.yaml`. It knows
    `pixel_km` and `has_truth` of its events before they are made.
    """

    @property
    def pixel_km(self) -> float:
        """Side of a pixel in km."""

    @property
    def has_truth(self) -> bool:
        """Whether events know their motion and source."""

    @property
    def name(self) -> str:
        """One word."""

    def describe(self) -> str:
        """One sentence: what it is, and how many events."""

    def preview(self) -> pl.DataFrame | None:
        """`sample_id` of the events if that is to be had at once, else None."""

    def recipe(self) -> dict[str, Any]:
        """Everything that changes the events, as JSON can hold it."""

    def load(self, cache: Path) -> RainEvents:
        """The events; what is prepared once is kept below this root."""
