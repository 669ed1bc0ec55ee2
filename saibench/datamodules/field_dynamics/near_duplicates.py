"""Similarity of forecasts, by their frames at the start and by equal frames."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.field_dynamics.fields import Trajectories
from saibench.datamodules.field_dynamics.starts import TRAJECTORY, Starts
from saibench.datamodules.near_duplicates import SampleSimilarity, digest

CELLS = 16
"""Cells along each axis of the coarse fields, so that those of different grids can be compared."""


def forecast_similarity(
    data: Trajectories, starts: Starts, scale: Trajectories
) -> SampleSimilarity:
    """Near-duplicate criterion of forecasts: the coarse fields at the start.

    Forecasts with a common frame, of one trajectory, have equal parts.

    Args:
        data: the fields.
        starts: of the forecasts.
        scale: whose fields standardise these, the data of the training.
    """
    trajectory, frame = starts.trajectory, starts.frame
    std = _spread(scale)

    def vectors(rows: np.ndarray) -> np.ndarray:
        fields = [data.values[trajectory[row], frame[row]] / std for row in rows]
        return np.stack([_coarse(field) for field in fields])

    def contents(rows: np.ndarray) -> np.ndarray:
        first, last = 1 - starts.history, starts.leads + 1
        return np.stack([
            digest(list(data.values[trajectory[row], frame[row] + first : frame[row] + last]))
            for row in rows
        ])  # fmt: skip

    return SampleSimilarity(
        name="field similarity",
        describe=f"standardised fields at the start, averaged over {CELLS} cells per axis",
        vectors=vectors,
        contents=contents,
        part="frame",
        along=TRAJECTORY,
    )


def _spread(data: Trajectories) -> np.ndarray:
    """`(C, 1, …)` standard deviation of each channel over the first frames."""
    first = np.stack([data.values[number, 0] for number in range(data.count)]).astype(np.float64)
    axes = (0, *range(2, first.ndim))
    spread = first.std(axis=axes, keepdims=True)[0]
    return np.where(spread > 0, spread, 1.0)


def _coarse(field: np.ndarray) -> np.ndarray:
    """Means over cells of `(C, *grid)`, flat, float32; a cell within a point has its value."""
    for axis in range(1, field.ndim):
        points = field.shape[axis]
        if points < CELLS:
            field = field.take(np.arange(CELLS) * points // CELLS, axis=axis)
            continue
        first = np.linspace(0, points, CELLS + 1).astype(int)[:-1]
        sizes = np.diff([*first, points]).reshape(
            [-1 if one == axis else 1 for one in range(field.ndim)]
        )
        field = np.add.reduceat(field, first, axis=axis) / sizes
    return field.astype(np.float32).ravel()
