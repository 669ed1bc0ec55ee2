"""Distance of a jet's energy to the energies of the training jets (paper §5.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree

from saibench.evidence.known import TITLES
from saibench.evidence.schema import BEFORE, Field

NEAREST = 5
"""Nearest training jets over which the distance is averaged, so that outliers matter less."""
FIELD = Field(
    "energy_deviation",
    "float64",
    "GeV",
    "jet",
    "feature",
    f"mean distance of the jet's energy to the {NEAREST} nearest ones of the training jets",
    BEFORE,
    title=TITLES["energy_deviation"],
)


def energy_deviation(energy: ArrayLike, trained: ArrayLike, count: int = NEAREST) -> np.ndarray:
    """Mean distance (N,) float64 of energies to the `count` nearest of a training set, in GeV.

    Args:
        energy: (N,) GeV.
        trained: (M,) GeV; if fewer than `count`, all are used; if empty, the result is NaN.

    >>> energy_deviation([600.0, 900.0], [500.0, 590.0, 610.0, 700.0], count=2).tolist()
    [10.0, 245.0]
    """
    if np.size(trained) == 0:
        return np.full(np.size(energy), np.nan)
    nearest = range(1, min(count, np.size(trained)) + 1)
    tree = KDTree(np.asarray(trained, np.float64)[:, None])
    return tree.query(np.asarray(energy, np.float64)[:, None], k=nearest)[0].mean(axis=1)
