"""Saved samples of nowcasting: observed and predicted rain of a few events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.evidence.saved_samples import SavedSamples

FRAME_MINUTES = 10
"""Time step of files without one, as of NowcastNet's events."""
MAX_SIDE = 256
"""Largest side in pixels that is saved; larger fields are coarsened."""

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class SavedEvents(SavedSamples):
    """E events; NaN in missing pixels.

    observed: (E, T, H, W) float16 in mm/h, the input
    target: (E, L, H, W) float16 in mm/h, observed at the lead times
    predicted: (E, L, H, W) float16 in mm/h
    pixel_km: side of a pixel of these fields, which may be coarser than the data
    motion: (E, L, 2, H, W) float16 in these pixels per frame, along x and y (down), pointing to
        the origin of the rain; or None
    frame_minutes: time between two frames
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
    """Events in float16, averaged over 2 × 2 pixels until no side has more than 256.

    Args: the fields of `SavedEvents`, in any floating type.
    """
    given = {"observed": observed, "target": target, "predicted": predicted, "motion": motion}
    fields = {name: np.asarray(v, np.float32) for name, v in given.items() if v is not None}
    while max(fields["observed"].shape[-2:]) > MAX_SIDE:
        fields = {name: coarsened(values) for name, values in fields.items()}
        if motion is not None:
            fields["motion"] /= 2  # the pixels are twice as wide
        pixel_km *= 2
    return SavedEvents(
        sample_id=np.asarray(sample_id, np.int64),
        pixel_km=pixel_km,
        frame_minutes=frame_minutes,
        **{name: values.astype(np.float16) for name, values in fields.items()},
    )


def coarsened(values: Floats) -> Floats:
    """Means over 2 × 2 pixels `(…, H/2, W/2)`, ignoring NaN; an odd last row or column is cut."""
    height, width = (size // 2 for size in values.shape[-2:])
    blocks = values[..., : 2 * height, : 2 * width].reshape(*values.shape[:-2], height, 2, width, 2)
    valid = ~np.isnan(blocks)
    with np.errstate(invalid="ignore"):
        return np.where(valid, blocks, 0).sum(axis=(-3, -1)) / valid.sum(axis=(-3, -1))
