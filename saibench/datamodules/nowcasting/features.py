"""Data features of a rain event, as observed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from saibench.datamodules.nearest import NEAREST
from saibench.datamodules.nowcasting.event import PUBLISHED, RainFrames
from saibench.evidence.known import TITLES
from saibench.evidence.schema import AFTER, BEFORE, Field

TREND_MINUTES = 180
"""Lead time of the trend (paper eq. 8), or the last lead time if that is shorter."""

OBSERVED_FEATURES = [
    Field(name, "float64", unit, "event", "feature", describe, known, title=TITLES.get(name, ""))
    for name, unit, describe, known in (
        ("mean_intensity", "mm/h", "mean rain rate observed", BEFORE),
        ("max_intensity", "mm/h", "largest rain rate observed", BEFORE),
        ("wet_fraction", "", "share of observed pixels with rain", BEFORE),
        (
            "observed_trend",
            "mm/h per h",
            "slope of the mean rain rate over the observed frames",
            BEFORE,
        ),
        (
            "observed_displacement",
            "km",
            "displacement of the centre of mass from the first to the last observed frame",
            BEFORE,
        ),
        (
            "target_trend",
            "mm/h",
            "change of the mean rain rate from the first target frame to 3 hours, or to the last",
            AFTER,
        ),
    )
]

OBSERVED_DISTANCE = Field(
    "observed_distance",
    "float64",
    "",
    "event",
    "feature",
    f"mean distance to the {NEAREST} nearest training events by the standardised features of the "
    "observed frames",
    BEFORE,
    title=TITLES["observed_distance"],
)
"""Features of a data module, which knows the training events."""


def observed_features(
    rate: np.ndarray, valid: np.ndarray, pixel_km: float, frames: RainFrames = PUBLISHED
) -> Mapping[str, float]:
    """The features of `OBSERVED_FEATURES`; NaN if undefined because of missing pixels.

    Args:
        rate: (T + L, H, W) in mm/h, 0 for missing pixels.
        valid: (T + L, H, W), False for missing pixels.
        pixel_km: side of a pixel in km.
        frames: number and spacing of the frames.
    """
    past = frames.observed
    means = mean_rates(rate, valid)
    observed, pixels = rate[:past], int(valid[:past].sum())
    first, last = center_of_mass(observed[0]), center_of_mass(observed[-1])
    target = means[past:]
    return {
        "mean_intensity": float(observed.sum(dtype=np.float64) / pixels) if pixels else np.nan,
        "max_intensity": float(observed.max()) if pixels else np.nan,
        "wet_fraction": float((observed > 0).sum() / pixels) if pixels else np.nan,
        "observed_trend": slope(means[:past], frames.minutes),
        "observed_displacement": float(pixel_km * np.hypot(*(last - first))),
        "target_trend": float(target[frames.nearest(TREND_MINUTES)] - target[0]),
    }


def mean_rates(rate: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mean rate of the valid pixels of each frame in mm/h `(T,)`, NaN without valid pixels."""
    pixels, totals = valid.sum(axis=(1, 2)), rate.sum(axis=(1, 2), dtype=np.float64)
    return np.where(pixels > 0, totals / np.maximum(pixels, 1), np.nan)


def slope(means: np.ndarray, minutes: float) -> float:
    """Least-squares slope per hour of frames `minutes` apart; NaN for fewer than two frames."""
    known = ~np.isnan(means)
    if known.sum() < 2:
        return np.nan
    return float(np.polyfit(np.flatnonzero(known) * minutes / 60, means[known], 1)[0])


def center_of_mass(frame: np.ndarray) -> np.ndarray:
    """x and y of the centre of mass in pixels (paper eq. 7), NaN for a dry frame."""
    total = frame.sum(dtype=np.float64)
    if total == 0:
        return np.full(2, np.nan)
    y, x = np.arange(frame.shape[0])[:, None], np.arange(frame.shape[1])
    return np.array([(x * frame).sum(dtype=np.float64), (y * frame).sum(dtype=np.float64)]) / total
