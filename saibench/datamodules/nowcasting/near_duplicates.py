"""Similarity of rain events, by coarse radar fields and by equal frames."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.near_duplicates import NOTHING, SampleSimilarity, digest
from saibench.datamodules.nowcasting.event import PUBLISHED, RainEvents, RainFrames

CELLS = 16
"""Cells per side of the coarse fields."""
WET = 1e-3
"""Fraction of wet pixels below which a frame has no content: dry frames are all similar."""


def compared(frames: RainFrames) -> list[int]:
    """Frames that are compared: the first and last observed, the middle and last target."""
    past, total = frames.observed, frames.total
    return [0, past - 1, (past + total) // 2, total - 1]


def event_similarity(events: RainEvents, frames: RainFrames = PUBLISHED) -> SampleSimilarity:
    """Near-duplicate criterion of events, by the logarithm of the rain rate."""
    chosen = compared(frames)

    def contents(rows: np.ndarray) -> np.ndarray:
        return np.stack([_digests(events.read(int(row)).rate) for row in rows])

    def vectors(rows: np.ndarray) -> np.ndarray:
        return np.stack([_coarse(events.read(int(row)).rate[chosen]) for row in rows])

    return SampleSimilarity(
        name="radar similarity",
        describe=f"log(1 + rain rate [mm/h]) of {len(chosen)} frames, averaged over "
        f"{CELLS} x {CELLS} cells",
        vectors=vectors,
        contents=contents,
        part="radar frame",
    )


def _coarse(rate: np.ndarray) -> np.ndarray:
    """(frames · CELLS²,) float32 means over cells."""
    frames = np.log1p(rate)
    _, height, width = frames.shape
    rows = np.linspace(0, height, CELLS + 1).astype(int)[:-1]
    columns = np.linspace(0, width, CELLS + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(frames, rows, axis=1), columns, axis=2)
    sizes = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    return (sums / sizes).astype(np.float32).ravel()


def _digests(rate: np.ndarray) -> np.ndarray:
    """(T + L,) one digest per frame, `NOTHING` for a dry frame."""
    wet = (rate > 0).mean(axis=(1, 2)) > WET
    return np.where(wet, digest(list(rate)), NOTHING)
