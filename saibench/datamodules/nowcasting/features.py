"""Data features of a rain event, as observed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from saibench.datamodules.nowcasting.event import MINUTES_PER_FRAME, OBSERVED_FRAMES
from saibench.evidence.schema import AFTER, BEFORE, Field

HOUR = 60 // MINUTES_PER_FRAME
"""Frames in an hour."""
THREE_HOURS = 3 * HOUR - 1
"""The target frame at 3 hours of lead time (paper: i = 0 is the first target frame)."""

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
        "change of the mean rain rate from the first target frame to 3 hours of lead time",
        AFTER,
    ),
]


def observed_features(rate: np.ndarray, valid: np.ndarray, pixel_km: float) -> Mapping[str, float]:
    """The features of `OBSERVED_FEATURES`, NaN where one is undefined: the radar saw nothing.

    Args:
        rate: (29, H, W) in mm/h, 0 where it is missing.
        valid: (29, H, W), False where it is missing.
        pixel_km: side of a pixel.
    """
    means = mean_rates(rate, valid)
    observed, pixels = rate[:OBSERVED_FRAMES], int(valid[:OBSERVED_FRAMES].sum())
    first, last = center_of_mass(observed[0]), center_of_mass(observed[-1])
    target = means[OBSERVED_FRAMES:]
    return {
        "mean_intensity": float(observed.sum(dtype=np.float64) / pixels) if pixels else np.nan,
        "max_intensity": float(observed.max()) if pixels else np.nan,
        "wet_fraction": float((observed > 0).sum() / pixels) if pixels else np.nan,
        "observed_trend": slope(means[:OBSERVED_FRAMES]),
        "observed_displacement": float(pixel_km * np.hypot(*(last - first))),
        "target_trend": float(target[THREE_HOURS] - target[0]),
    }


def mean_rates(rate: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mean rate of each frame's valid pixels in mm/h `(T,)`, NaN for a frame that has none."""
    pixels, totals = valid.sum(axis=(1, 2)), rate.sum(axis=(1, 2), dtype=np.float64)
    return np.where(pixels > 0, totals / np.maximum(pixels, 1), np.nan)


def slope(means: np.ndarray) -> float:
    """Of the least squares line through successive frames, an hour; NaN of fewer than two."""
    known = ~np.isnan(means)
    if known.sum() < 2:
        return np.nan
    return float(np.polyfit(np.flatnonzero(known) / HOUR, means[known], 1)[0])


def center_of_mass(frame: np.ndarray) -> np.ndarray:
    """x and y of the rain's centre in pixels (paper eq. 7), NaN for a dry frame."""
    total = frame.sum(dtype=np.float64)
    if total == 0:
        return np.full(2, np.nan)
    y, x = np.arange(frame.shape[0])[:, None], np.arange(frame.shape[1])
    return np.array([(x * frame).sum(dtype=np.float64), (y * frame).sum(dtype=np.float64)]) / total
