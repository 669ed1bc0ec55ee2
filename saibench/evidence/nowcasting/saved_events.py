"""The rain of a few tested events, kept so that a report can show observation and prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.evidence.saved_samples import SavedSamples

FRAME_MINUTES = 10
"""Of files that do not say, as NowcastNet's events."""
MAX_SIDE = 256
"""Pixels of a side from which fields are halved: a page shows no more."""

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class SavedEvents(SavedSamples):
    """E events; NaN where the radar saw nothing.

    observed: (E, T, H, W) float16 in mm/h
    target: (E, L, H, W) float16 in mm/h, what was observed of the time to be predicted
    predicted: (E, L, H, W) float16 in mm/h
    pixel_km: side of a pixel of these fields, which may be coarser than the data's
    motion: (E, L, 2, H, W) float16 in these pixels a frame, along x and y (down), pointing to
        where the rain comes from, or None
    frame_minutes: between two frames
    """

    FILE: ClassVar[str] = "fields.npz"

    observed: Floats
    target: Floats
    predicted: Floats
    pixel_km: float
    motion: Floats | None = None
    frame_minutes: int = FRAME_MINUTES


def saved_events(
    sample_id: ArrayLike,
    observed: ArrayLike,
    target: ArrayLike,
    predicted: ArrayLike,
    pixel_km: float,
    motion: ArrayLike | None = None,
    frame_minutes: int = FRAME_MINUTES,
) -> SavedEvents:
    """Events to be saved, their pixels averaged two by two while a side has more than 256.

    Args: as the fields of `SavedEvents`, in any floating type.
    """

    def kept(values: ArrayLike) -> Floats:
        return np.asarray(values, dtype=np.float32)

    rain = [kept(values) for values in (observed, target, predicted)]
    flow = None if motion is None else kept(motion)
    while max(rain[0].shape[-2:]) > MAX_SIDE:
        rain = [halved(values) for values in rain]
        flow = None if flow is None else halved(flow) / 2  # the pixels are twice as wide
        pixel_km *= 2
    return SavedEvents(
        sample_id=np.asarray(sample_id, dtype=np.int64),
        observed=rain[0].astype(np.float16),
        target=rain[1].astype(np.float16),
        predicted=rain[2].astype(np.float16),
        pixel_km=pixel_km,
        motion=None if flow is None else flow.astype(np.float16),
        frame_minutes=frame_minutes,
    )


def halved(values: Floats) -> Floats:
    """Means of 2 × 2 pixels `(…, H/2, W/2)`, over those that are not NaN; an odd edge is lost."""
    height, width = (size // 2 for size in values.shape[-2:])
    blocks = values[..., : 2 * height, : 2 * width].reshape(*values.shape[:-2], height, 2, width, 2)
    seen = ~np.isnan(blocks)
    with np.errstate(invalid="ignore"):
        return np.where(seen, blocks, 0).sum(axis=(-3, -1)) / seen.sum(axis=(-3, -1))
