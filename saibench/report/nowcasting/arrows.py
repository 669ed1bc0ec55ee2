"""Arrows of a motion field on a coarse grid, to the scale of the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_CELLS = 14
"""Arrows along a side."""
LONGEST = 1.5
"""Maximum length of fast arrows, in cells."""
MINUTES = (180, 120, 90, 60, 30, 20, 10)
"""Choices of the travel time of an arrow."""


@dataclass(frozen=True, eq=False)
class Arrows:
    """Displacement of the rain within `minutes` from the centre of each cell.

    Args:
        minutes: travel time of an arrow.
        fastest: speed of the fastest arrow in km/h.
        ends: `(L, cells, cells, 2)` displacement along x and y (down), as fractions of a side.
    """

    minutes: int
    fastest: float
    ends: NDArray[np.float32]

    def as_lists(self) -> dict[str, object]:
        """Integers in units of 1e-4 of a side, which keep the page small."""
        frames = np.round(1e4 * self.ends).astype(int)
        return {"cells": self.ends.shape[1], "frames": frames.reshape(len(frames), -1).tolist()}


def arrows(motion: NDArray[np.float32], pixel_km: float, frame_minutes: int = 10) -> Arrows:
    """Arrows of a motion `(L, 2, H, W)` in pixels per frame that points to the rain's origin."""
    _, _, height, width = motion.shape
    rows, columns = (np.arange(size) * NUM_CELLS // size for size in (height, width))
    by_rows = np.stack([motion[:, :, rows == cell].mean(axis=2) for cell in range(NUM_CELLS)], 2)
    origin = np.stack([by_rows[..., columns == c].mean(axis=3) for c in range(NUM_CELLS)], 3)
    velocity = -origin * (60 / frame_minutes)  # pixels per hour
    speed = np.linalg.norm(velocity, axis=1)
    cell = min(height, width) / NUM_CELLS
    fast = float(np.quantile(speed, 0.98))
    minutes = next((m for m in MINUTES if fast * m / 60 <= LONGEST * cell), MINUTES[-1])
    travelled = velocity * minutes / 60
    ends = np.stack([travelled[:, 0] / width, travelled[:, 1] / height], axis=-1)
    return Arrows(minutes, pixel_km * float(speed.max()), ends.astype(np.float32))
