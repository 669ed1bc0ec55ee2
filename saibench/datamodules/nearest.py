"""Distance of samples to the nearest training samples in a few standardised features."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

NEAREST = 5
"""Nearest training samples over which a distance is averaged, to reduce noise."""


def nearest_distance(tested: np.ndarray, training: np.ndarray, count: int = NEAREST) -> np.ndarray:
    """Mean Euclidean distance `(N,)` to the `count` nearest training samples.

    Features are standardised by the training samples; an undefined one counts as their mean, a
    constant one not at all. NaN without training samples.

    Args:
        tested: `(N, F)`, NaN where undefined.
        training: `(M, F)`.

    >>> nearest_distance(np.array([[2.0, 1.0]]), np.array([[0.0, 1.0], [4.0, 1.0]]))
    array([1.])
    """
    if not len(training):
        return np.full(len(tested), np.nan)
    known = np.where(np.isnan(training), 0.0, training)
    counts = np.maximum((~np.isnan(training)).sum(axis=0), 1)
    mean = known.sum(axis=0) / counts
    deviation = np.where(np.isnan(training), 0.0, training - mean)
    scale = np.sqrt(np.square(deviation).sum(axis=0) / counts)
    varies = scale > 1e-9 * np.abs(mean)
    own = np.where(np.isnan(tested), 0.0, tested - mean)[:, varies] / scale[varies]
    nearest = range(1, min(count, len(training)) + 1)
    if not varies.any():
        return np.zeros(len(tested))
    tree = KDTree(deviation[:, varies] / scale[varies])
    return tree.query(own, k=nearest)[0].mean(axis=1)
