"""When two frames of a molecule are alike: by their SOAP descriptors, and in time."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.datamodules.near_duplicates import Likeness, digest

PRECISION = 1e-6
"""Å within which two positions are one."""


def frame_likeness(trajectory: Trajectory, soap: np.ndarray) -> Likeness:
    """Of frames by their SOAP unit vectors `(T, D)`; equal geometries are one content."""

    def contents(rows: np.ndarray) -> np.ndarray:
        rounded = np.round(trajectory.positions[rows] / PRECISION).astype(np.int64)
        return digest(list(rounded))[:, None]

    return Likeness(
        name="SOAP descriptor",
        describe="unit SOAP vectors, averaged over the atoms",
        vectors=lambda rows: soap[rows],
        contents=contents,
        part="geometry",
        along="time",
    )
