"""Swings of a pendulum released at rest: source, batches and data module."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from saibench.datamodules.batch import TensorBatch
from saibench.datamodules.cache import CachedArrays, cached_arrays
from saibench.datamodules.loader import Loader
from saibench.datamodules.stream import EvaluationBatches, TrainingBatches
from saibench.datamodules.structural import StructuralDataModule
from saibench.evidence.schema import BEFORE, Field
from saibench.options import Count, NotNegative, Positive, Seed, check_fields

GRAVITY = 9.81  # m/s²
READ_AT = (500, 1000, 1500, 2000)
"""Times of the readings after the release, in ms."""
STEP = 0.005
"""Time step of the integration, in s."""


@dataclass(frozen=True)
class SimulatedSwings:
    """Swings of a plane pendulum with friction, with noisy readings of the angle.

    Args:
        swings: number of swings.
        largest: maximum angle of release, drawn uniformly from 2°, in degrees.
        length: length of the pendulum, in m.
        friction: decay rate of the velocity, in 1/s.
        noise: standard deviation of a reading, in degrees.
        seed: of the angles and the noise.
    """

    swings: Count = 600
    largest: Positive = 120.0
    length: Positive = 1.0
    friction: NotNegative = 0.2
    noise: NotNegative = 0.3
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self, "data")

    @property
    def name(self) -> str:
        return "pendulum"

    def describe(self) -> str:
        return f"{self.swings:,} swings of a pendulum of {self.length:g} m (seed {self.seed})."

    def preview(self) -> pl.DataFrame:
        release = np.random.default_rng(self.seed).uniform(2, self.largest, self.swings)
        return pl.DataFrame({"sample_id": np.arange(self.swings), "release": release})

    def recipe(self) -> dict[str, Any]:
        return {"source": "pendulum", **asdict(self), "read_at": READ_AT}

    def load(self, cache: Path) -> CachedArrays:
        units = {"release": "°", "angle": "°"}
        return cached_arrays(cache, self.name, self.recipe(), self._arrays, units)

    def _arrays(self, folder: Path) -> dict[str, np.ndarray]:
        release = self.preview()["release"].to_numpy()
        noise = np.random.default_rng([self.seed, 1]).normal(0, self.noise, (self.swings, 4))
        return {"release": release, "angle": np.degrees(self._angles(np.radians(release))) + noise}

    def _angles(self, angle: np.ndarray) -> np.ndarray:
        """Return the angles `(swings, 4)` in rad at `READ_AT`, by leapfrog integration."""
        velocity, found = np.zeros_like(angle), []
        for step in range(1, round(READ_AT[-1] / 1000 / STEP) + 1):
            middle = velocity + STEP / 2 * self._acceleration(angle, velocity)
            angle = angle + STEP * middle
            velocity = middle + STEP / 2 * self._acceleration(angle, middle)
            if any(step == round(time / 1000 / STEP) for time in READ_AT):
                found.append(angle)
        return np.stack(found, axis=1)

    def _acceleration(self, angle: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        return -GRAVITY / self.length * np.sin(angle) - self.friction * velocity


@dataclass(frozen=True)
class SwingBatch(TensorBatch):
    """B swings.

    Args:
        sample_id: `(B,)`.
        release: `(B,)` angle of release in degrees.
        angle: `(B, 4)` in degrees, at the times of `READ_AT`.
        weight: weight of a swing in the loss.
    """

    sample_id: Tensor
    release: Tensor
    angle: Tensor
    weight: float


@dataclass(eq=False, repr=False)
class PendulumDataModule(StructuralDataModule):
    """Partitions of swings for training, validation and test."""

    @cached_property
    def swings(self) -> CachedArrays:
        return self.source.load(self.cache_folder)

    def load_index(self) -> pl.DataFrame:
        return self.source.preview()

    def describe_data(self) -> dict[str, str]:
        return {"hash": self.swings.data_hash, "describe": self.source.describe()}

    def dataset_info(self) -> dict[str, Any]:
        return {"read_at": list(READ_AT)}

    def preview_dataset_info(self) -> dict[str, Any]:
        return self.dataset_info()

    def feature_fields(self) -> list[Field]:
        return [Field("release", "float64", "°", "", "feature", "angle of release", BEFORE)]

    def loader(
        self, batches: TrainingBatches | EvaluationBatches, transform: Any | None = None
    ) -> Loader[SwingBatch]:
        def gather(rows: np.ndarray) -> SwingBatch:
            release, angle = (
                torch.from_numpy(self.swings[name][rows]).float() for name in ("release", "angle")
            )
            return SwingBatch(torch.from_numpy(rows.copy()), release, angle, batches.weight)

        return Loader(batches, gather)
