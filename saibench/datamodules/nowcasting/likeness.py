"""When two rain events are alike: by their radar fields at a coarse scale, and by equal frames."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.likeness import NOTHING, Likeness, digest
from saibench.datamodules.nowcasting.event import FRAMES, OBSERVED_FRAMES, RainEvents

CELLS = 16
"""Cells of a side of the coarse fields that are compared."""
COMPARED = (0, OBSERVED_FRAMES - 1, (OBSERVED_FRAMES + FRAMES) // 2, FRAMES - 1)
"""Frames that are compared: the first and last observed, one amid the targets, the last."""
WET = 1e-3
"""Share of wet pixels below which a frame is no content: dry frames are all alike."""


def event_likeness(events: RainEvents) -> Likeness:
    """Of events by the logarithm of their rain rate; an event is read once for each question."""

    def contents(rows: np.ndarray) -> np.ndarray:
        return np.stack([_digests(events.read(int(row)).rate) for row in rows])

    def vectors(rows: np.ndarray) -> np.ndarray:
        return np.stack([_coarse(events.read(int(row)).rate) for row in rows])

    return Likeness(
        name="radar similarity",
        describe=f"log(1 + rain rate [mm/h]) of {len(COMPARED)} frames, averaged over "
        f"{CELLS} x {CELLS} cells",
        vectors=vectors,
        contents=contents,
        part="radar frame",
    )


def _coarse(rate: np.ndarray) -> np.ndarray:
    """(len(COMPARED) · CELLS²,) float32 means over cells."""
    frames = np.log1p(rate[list(COMPARED)])
    _, height, width = frames.shape
    rows = np.linspace(0, height, CELLS + 1).astype(int)[:-1]
    columns = np.linspace(0, width, CELLS + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(frames, rows, axis=1), columns, axis=2)
    sizes = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    return (sums / sizes).astype(np.float32).ravel()


def _digests(rate: np.ndarray) -> np.ndarray:
    """(29,) one a frame, `NOTHING` where it is all but dry."""
    wet = (rate > 0).mean(axis=(1, 2)) > WET
    return np.where(wet, digest(list(rate)), NOTHING)
