"""Data features of a rain event, as observed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from saibench.datamodules.nowcasting.event import PUBLISHED, RainFrames
from saibench.evidence.schema import AFTER, BEFORE, Field

TREND_MINUTES = 180
"""Lead time up to which an event is followed (paper eq. 8), or the last that it has."""

OBSERVED_FEATURES = [
    Field(
        "mean_intensity", "float64", "mm/h", "event", "feature", "mean rain rate observed", BEFORE
    ),
    Field(
        "max_intensity", "float64", "mm/h", "event", "feature", "largest rain rate observed", BEFORE
    ),
    Field(
        "wet_fraction",
        "float64",
        "",
        "event",
        "feature",
        "share of observed pixels with rain",
        BEFORE,
    ),
    Field(
        "observed_trend",
        "float64",
        "mm/h per h",
        "event",
        "feature",
        "slope of the mean rain rate over the observed frames",
        BEFORE,
    ),
    Field(
        "observed_displacement",
        "float64",
        "km",
        "event",
        "feature",
        "way of the centre of mass from the first to the last observed frame",
        BEFORE,
    ),
    Field(
        "target_trend",
        "float64",
        "mm/h",
        "event",
        "feature",
        "change of the mean rain rate from the first target frame to 3 hours, or the last of them",
        AFTER,
    ),
]


def observed_features(
    rate: np.ndarray, valid: np.ndarray, pixel_km: float, frames: RainFrames = PUBLISHED
) -> Mapping[str, float]:
    """The features of `OBSERVED_FEATURES`, NaN where one is undefined: the radar saw nothing.

    Args:
        rate: (T + L, H, W) in mm/h, 0 where it is missing.
        valid: (T + L, H, W), False where it is missing.
        pixel_km: side of a pixel.
        frames: how many there are, and how far apart.
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
    """Mean rate of each frame's valid pixels in mm/h `(T,)`, NaN for a frame that has none."""
    pixels, totals = valid.sum(axis=(1, 2)), rate.sum(axis=(1, 2), dtype=np.float64)
    return np.where(pixels > 0, totals / np.maximum(pixels, 1), np.nan)


def slope(means: np.ndarray, minutes: float) -> float:
    """Of the least squares line through frames that far apart, an hour; NaN of fewer than two."""
    known = ~np.isnan(means)
    if known.sum() < 2:
        return np.nan
    return float(np.polyfit(np.flatnonzero(known) * minutes / 60, means[known], 1)[0])


def center_of_mass(frame: np.ndarray) -> np.ndarray:
    """x and y of the rain's centre in pixels (paper eq. 7), NaN for a dry frame."""
    total = frame.sum(dtype=np.float64)
    if total == 0:
        return np.full(2, np.nan)
    y, x = np.arange(frame.shape[0])[:, None], np.arange(frame.shape[1])
    return np.array([(x * frame).sum(dtype=np.float64), (y * frame).sum(dtype=np.float64)]) / total
