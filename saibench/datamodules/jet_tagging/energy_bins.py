"""The paper's bins of jet energy (§5.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

START, WIDTH, NUM_BINS = 550.0, 236.25, 8
"""GeV, GeV; bin k, counted from 0, begins at START + k·WIDTH."""
EDGES = START + WIDTH * np.arange(NUM_BINS + 1)
"""(9,) GeV, up to 2440."""
OUTSIDE = -1
"""Bin number of a jet below or above all bins."""


def energy_bin(energy: ArrayLike) -> NDArray[np.int64]:
    """The bin of each jet; a lower edge belongs to its bin.

    Args:
        energy: GeV, any shape.

    >>> energy_bin([550.0, 786.25, 549.9, 2440.0]).tolist()
    [0, 1, -1, -1]
    """
    number = np.searchsorted(EDGES, np.asarray(energy, np.float64), side="right") - 1
    return np.where(number == NUM_BINS, OUTSIDE, number).astype(np.int64)


def class_counts(energy: ArrayLike, label: ArrayLike) -> dict[str, list[int]]:
    """Number of jets per class and bin, those outside last.

    >>> class_counts([600.0, 600.0, 3000.0], [1, 0, 1])
    {'top_jets': [1, 0, 0, 0, 0, 0, 0, 0, 1], 'qcd_jets': [1, 0, 0, 0, 0, 0, 0, 0, 0]}
    """
    number, is_top = energy_bin(energy), np.asarray(label) == 1
    place = np.where(number == OUTSIDE, NUM_BINS, number)
    counted = [np.bincount(place[chosen], minlength=NUM_BINS + 1) for chosen in (is_top, ~is_top)]
    return {"top_jets": counted[0].tolist(), "qcd_jets": counted[1].tolist()}
