"""Saved samples of field dynamics: truth and forecast of a few starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from saibench.evidence.saved_samples import SavedSamples

MAX_POINTS = {0: 1, 1: 512, 2: 128}
"""Most points along an axis that are saved, by the number of axes; others are skipped."""
MAX_FRAMES = {0: 2000, 1: 400, 2: 6}
"""Most frames that are saved, at equal distances, by the number of axes."""


@dataclass(frozen=True, eq=False)
class SavedForecasts(SavedSamples):
    """S forecasts; frame 0 is the last observed one.

    why: (S,) text, the reason why the sample was saved
    about: (S,) text, its trajectory, time and parameters
    channels: (C,) names of the fields
    times: (T,) since the start of the forecast, in the time unit of the data
    lengths: (axes,) sides of the domain; at most two axes
    truth: (S, T, C, *grid) float32 in the unit of the data
    predicted: of the same shape, NaN where a rollout blew up
    """

    FILE: ClassVar[str] = "forecasts.npz"

    why: NDArray[np.str_]
    about: NDArray[np.str_]
    channels: NDArray[np.str_]
    times: NDArray[np.float64]
    lengths: NDArray[np.float64]
    truth: NDArray[np.float32]
    predicted: NDArray[np.float32]

    def __post_init__(self) -> None:
        expected = (len(self.sample_id), len(self.times), len(self.channels))
        if self.truth.shape[:3] != expected or self.truth.ndim != 3 + len(self.lengths):
            raise ValueError(f"frames have shape {self.truth.shape}, expected {expected} and grid")
        if self.predicted.shape != self.truth.shape or len(self.lengths) > 2:
            raise ValueError(f"forecasts have shape {self.predicted.shape}")


def saved_forecasts(
    sample_id: NDArray[np.int64],
    why: NDArray[np.str_],
    about: NDArray[np.str_],
    channels: tuple[str, ...],
    times: NDArray[np.float64],
    lengths: tuple[float, ...],
    truth: NDArray[np.float32],
    predicted: NDArray[np.float32],
) -> SavedForecasts:
    """Forecasts with fewer frames and points than `MAX_FRAMES` and `MAX_POINTS`.

    Of a grid of more than two axes the plane in the middle of the further ones is saved.

    Args:
        sample_id, why, about, channels, times, lengths, truth, predicted: the fields of
            `SavedForecasts`, of a grid of any number of axes.
    """
    fields = [truth, np.where(np.isfinite(predicted), predicted, np.nan)]
    while fields[0].ndim > 5:
        fields = [one[..., one.shape[-1] // 2] for one in fields]
    axes = fields[0].ndim - 3
    kept = np.unique(np.linspace(0, len(times) - 1, min(len(times), MAX_FRAMES[axes])).round())
    skipped = [-(-points // MAX_POINTS[axes]) for points in fields[0].shape[3:]]
    place: Any = (
        slice(None),
        kept.astype(int),
        slice(None),
        *(slice(None, None, n) for n in skipped),
    )
    saved, forecast = (one[place].astype(np.float32) for one in fields)
    return SavedForecasts(
        sample_id, why, about, np.array(channels), times[kept.astype(int)],
        np.array(lengths[:axes], dtype=np.float64), saved, forecast,
    )  # fmt: skip
