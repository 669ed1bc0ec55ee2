"""The built-in simulator of rain: fields that grow and decay in a divergence-free wind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from tqdm import tqdm

from saibench.datamodules.cache import CachedArrays, cached_arrays, new_array
from saibench.datamodules.nowcasting.event import (
    FRAMES,
    LARGEST_RATE,
    MINUTES_PER_FRAME,
    OBSERVED_FRAMES,
    TARGET_FRAMES,
    RainEvent,
    SidePixels,
)
from saibench.datamodules.nowcasting.features import OBSERVED_FEATURES, observed_features
from saibench.datamodules.nowcasting.random_fields import (
    PeriodicSpline,
    displacement,
    divergence_free_wind,
    power_law_field,
)
from saibench.errors import UserError
from saibench.evidence.schema import AFTER, Field
from saibench.options import Count, Degree, NotNegative, Number, Positive, check_fields

MARGIN = 2
"""Ratio of the sides of the periodic domain and the event, so that rain enters and leaves the
event."""
SPECTRAL_SLOPE = 3.0
"""Slope of the power spectral density of the latent field."""
RATE_SCALE, RATE_GROWTH = 2.0, 1.3
"""Rain rate for a latent field d above the threshold: 2 (exp(1.3 d) - 1) mm/h. About 4 % of the
pixels then reach 5 mm/h, and the largest rates are near 100 mm/h."""
THRESHOLD, THRESHOLD_SPREAD = 0.9, 0.3
"""Mean and standard deviation of the threshold over events, in standard deviations of the latent
field: about 18 % of pixels are wet."""

TRUE_FEATURES = [
    Field(name, "float64", unit, per, "feature", describe, AFTER)
    for name, unit, per, describe in (
        ("true_speed", "km/h", "event", "mean speed of the true motion"),
        (
            "true_source",
            "mm/h",
            "pixel and frame",
            "mean of the true source over the target frames",
        ),
        (
            "true_source_size",
            "mm/h",
            "pixel and frame",
            "mean absolute value of the true source over the target frames",
        ),
    )
]


@dataclass(frozen=True)
class SimulatedRain:
    """Events of the continuity equation dx/dt + (v . grad) x = s (paper eq. 3), solved exactly.

    A latent Gaussian field is advected by a steady divergence-free wind and changes in time; the
    rain rate is a function of its excess over a threshold. Along the trajectory of an air parcel
    the rate changes by the source s. The motion v and the source s of every frame are known, so
    that errors of motion and of growth can be distinguished.

    events: number of events
    size: side in pixels, a multiple of 32
    pixel_km: side of a pixel in km
    slowest, fastest: bounds of the mean wind of an event in km/h, in any direction
    eddies: root mean square speed of the eddies in km/h
    lifetime: hours until the pattern of a parcel is decorrelated
    growth, growth_spread: mean and standard deviation over events of the decrease of the threshold
        from the first to the last frame, in standard deviations of the latent field; below 0, as
        in the radar data of the paper, more events decay than grow
    seed: of the simulation

    Raises UserError: a number out of range.
    """

    events: Count = 500
    size: SidePixels = 64
    pixel_km: Positive = 2.0
    slowest: NotNegative = 6.0
    fastest: NotNegative = 30.0
    eddies: NotNegative = 6.0
    lifetime: Positive = 4.0
    growth: Number = -0.3
    growth_spread: NotNegative = 0.6
    seed: Degree = 0

    has_truth: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self, "data", convert_floats=False)
        if self.fastest < self.slowest:
            raise UserError(
                f"data.fastest={self.fastest} is below data.slowest={self.slowest}. Use "
                f"{self.slowest}."
            )

    @property
    def name(self) -> str:
        return "simulated_rain"

    def describe(self) -> str:
        return (
            f"{self.events:,} simulated rain events of {self.size} x {self.size} pixels of "
            f"{self.pixel_km:g} km, carried by divergence-free winds while they grow and decay "
            f"(seed {self.seed})."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({"sample_id": np.arange(self.events, dtype=np.int64)})

    def recipe(self) -> dict[str, Any]:
        return {"source": self.name, "version": 1, **asdict(self)}

    def load(self, cache: Path) -> SimulatedEvents:
        kept = cached_arrays(
            cache,
            self.name,
            self.recipe(),
            self._build,
            {"rate": "mm/h", "motion": "pixels per frame", "source": "mm/h"},
        )
        return SimulatedEvents(kept, self.pixel_km)

    def event(self, number: int) -> RainEvent:
        """The event of this number, from its own seed."""
        rng = np.random.Generator(np.random.PCG64([self.seed, number]))
        domain = MARGIN * self.size
        pixels_per_kmh = MINUTES_PER_FRAME / 60 / self.pixel_km
        speed = pixels_per_kmh * rng.uniform(self.slowest, self.fastest)
        heading = rng.uniform(0, 2 * np.pi)
        wind = divergence_free_wind(
            rng,
            domain,
            mean=(speed * np.cos(heading), speed * np.sin(heading)),
            eddies=pixels_per_kmh * self.eddies,
            largest=domain,
        )
        step = displacement(wind)
        latent = _Latent(
            fields=[
                PeriodicSpline.of(power_law_field(rng, domain, SPECTRAL_SLOPE, largest=self.size))
                for _ in range(2)
            ],
            turn=np.pi / 2 * MINUTES_PER_FRAME / 60 / self.lifetime,
            threshold=rng.normal(THRESHOLD, THRESHOLD_SPREAD),
            growth=rng.normal(self.growth, self.growth_spread) / (FRAMES - 1),
        )
        return _advected(latent, step, self.size)

    def _build(self, folder: Path) -> Mapping[str, np.ndarray]:
        shape = (self.size, self.size)
        arrays = {
            "rate": new_array(folder, "rate", (self.events, FRAMES, *shape), np.float16),
            "motion": new_array(folder, "motion", (self.events, 2, *shape), np.float32),
            "source": new_array(folder, "source", (self.events, TARGET_FRAMES, *shape), np.float16),
        }
        for number in tqdm(range(self.events), "simulating rain", unit="event", mininterval=1.0):
            event = self.event(number)
            for name, array in arrays.items():
                array[number] = getattr(event, name)
        return arrays


@dataclass(frozen=True, eq=False)
class _Latent:
    """The latent field of an air parcel: two patterns, the second of which replaces the first."""

    fields: list[PeriodicSpline]
    turn: float
    threshold: float
    growth: float

    def rate(self, patterns: list[np.ndarray], frame: int) -> np.ndarray:
        """Rain rate in mm/h of parcels with these values of the two patterns."""
        angle = self.turn * frame
        latent = np.cos(angle) * patterns[0] + np.sin(angle) * patterns[1]
        excess = latent - self.threshold + self.growth * (frame - (FRAMES - 1) / 2)
        return RATE_SCALE * np.expm1(RATE_GROWTH * np.maximum(excess, 0.0))


def _advected(latent: _Latent, step: np.ndarray, size: int) -> RainEvent:
    """The event in the middle of the domain, by tracing each pixel back to the first frame.

    Air at p was at p - `step` one frame before, so that the rate of a parcel in two successive
    frames differs by the source alone.
    """
    start = (step.shape[1] - size) // 2
    middle = np.stack(np.meshgrid(*[np.arange(start, start + size)] * 2, indexing="xy"))
    splines = [PeriodicSpline.of(component) for component in step]
    origin = middle.astype(float)
    rate = np.empty((FRAMES, size, size))
    source = np.empty((TARGET_FRAMES, size, size))
    for frame in range(FRAMES):
        if frame:
            origin = origin - np.stack([spline.at(*origin) for spline in splines])
        patterns = [field.at(*origin) for field in latent.fields]
        rate[frame] = latent.rate(patterns, frame)
        if frame >= OBSERVED_FRAMES:
            source[frame - OBSERVED_FRAMES] = rate[frame] - latent.rate(patterns, frame - 1)
    inside = slice(start, start + size)
    return RainEvent(
        rate=rate.astype(np.float32),
        valid=np.ones(rate.shape, dtype=bool),
        motion=step[:, inside, inside].astype(np.float32),
        source=source.astype(np.float32),
    )


class SimulatedEvents:
    """Simulated events, mapped from the cache."""

    has_truth = True
    checked = True

    def __init__(self, kept: CachedArrays, pixel_km: float) -> None:
        self._arrays = kept
        self.pixel_km = pixel_km
        self.height, self.width = kept["rate"].shape[-2:]
        self.data_hash = kept.data_hash
        self.index = self._index()

    def read(self, row: int) -> RainEvent:
        rate = np.minimum(self._arrays["rate"][row].astype(np.float32), LARGEST_RATE)
        return RainEvent(
            rate=rate,
            valid=np.ones(rate.shape, dtype=bool),
            motion=np.array(self._arrays["motion"][row]),
            source=self._arrays["source"][row].astype(np.float32),
        )

    def feature_fields(self) -> list[Field]:
        return [*OBSERVED_FEATURES, *TRUE_FEATURES]

    def _index(self) -> pl.DataFrame:
        rows = [self._features(row) for row in range(len(self._arrays["rate"]))]
        ids = pl.DataFrame({"sample_id": np.arange(len(rows), dtype=np.int64)})
        return pl.concat([ids, pl.DataFrame(rows)], how="horizontal")

    def _features(self, row: int) -> dict[str, float]:
        event = self.read(row)
        assert event.motion is not None and event.source is not None
        kmh_per_pixel = self.pixel_km * 60 / MINUTES_PER_FRAME
        return {
            **observed_features(event.rate, event.valid, self.pixel_km),
            "true_speed": float(kmh_per_pixel * np.hypot(*event.motion).mean()),
            "true_source": float(event.source.mean(dtype=np.float64)),
            "true_source_size": float(np.abs(event.source).mean(dtype=np.float64)),
        }
