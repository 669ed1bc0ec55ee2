"""Arrows of a motion field, few enough to see and to scale with the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_CELLS = 14
"""Arrows along a side."""
LONGEST = 1.5
"""Length in cells that fast arrows may have."""
MINUTES = (180, 120, 90, 60, 30, 20, 10)
"""How long the rain may travel along an arrow."""


@dataclass(frozen=True, eq=False)
class Arrows:
    """Where the rain of a cell's centre goes within `minutes`, true to the map's scale.

    Args:
        minutes: of travel that an arrow stands for.
        fastest: km/h, that of the fastest arrow.
        ends: `(L, cells, cells, 2)` x and y (down), as shares of the field's side.
    """

    minutes: int
    fastest: float
    ends: NDArray[np.float32]

    def as_lists(self) -> dict[str, object]:
        """Whole numbers in ten-thousandths of a side: a page holds twenty frames of them."""
        frames = np.round(1e4 * self.ends).astype(int)
        return {"cells": self.ends.shape[1], "frames": frames.reshape(len(frames), -1).tolist()}


def arrows(motion: NDArray[np.float32], pixel_km: float, frame_minutes: int = 10) -> Arrows:
    """Of a motion `(L, 2, H, W)` in pixels a frame that points to where the rain comes from."""
    _, _, height, width = motion.shape
    rows, columns = (_cell_of(size) for size in (height, width))
    by_rows = np.stack([motion[:, :, rows == cell].mean(axis=2) for cell in range(NUM_CELLS)], 2)
    origin = np.stack([by_rows[..., columns == c].mean(axis=3) for c in range(NUM_CELLS)], 3)
    velocity = -origin * (60 / frame_minutes)  # pixels an hour, to where the rain goes
    speed = np.linalg.norm(velocity, axis=1)
    cell = min(height, width) / NUM_CELLS
    fast = float(np.quantile(speed, 0.98))
    minutes = next((m for m in MINUTES if fast * m / 60 <= LONGEST * cell), MINUTES[-1])
    travelled = velocity * minutes / 60
    ends = np.stack([travelled[:, 0] / width, travelled[:, 1] / height], axis=-1)
    return Arrows(minutes, pixel_km * float(speed.max()), ends.astype(np.float32))


def _cell_of(size: int) -> NDArray[np.int64]:
    """The cell of each pixel along a side."""
    return np.arange(size) * NUM_CELLS // size
