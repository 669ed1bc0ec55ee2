"""Random rotations and numbers that are pure functions of a sample's id and a seed."""

from __future__ import annotations

import math

import numpy as np

from saibench.datamodules.samplers import sample_keys

_ROTATION_STREAMS = (101, 102, 103)
"""Streams of the three uniform numbers of a rotation, distinct from those that draw samples."""


def uniform_rotations(sample_id: np.ndarray, seed: int) -> np.ndarray:
    """Rotation matrices `(B, 3, 3)` float64, uniform over SO(3), a function of id and seed.

    They are drawn as unit quaternions (Shoemake 1992, "Uniform random rotations").
    """
    first, second, third = (
        unit_interval(sample_keys(sample_id, seed, stream)) for stream in _ROTATION_STREAMS
    )
    inner, outer = np.sqrt(1 - first), np.sqrt(first)
    x, y = inner * np.sin(2 * math.pi * second), inner * np.cos(2 * math.pi * second)
    z, w = outer * np.sin(2 * math.pi * third), outer * np.cos(2 * math.pi * third)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def unit_interval(keys: np.ndarray) -> np.ndarray:
    """Uniform numbers in [0, 1) of 64-bit keys, by their leading 53 bits."""
    return (keys >> np.uint64(11)) * 2.0**-53
