"""Fields of a file that are copied into the cache in parts, so that memory stays flat."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from saibench.datamodules.cache import new_array

BLOCK_BYTES = 2**26
"""Size of the frames that are read at once, in double precision."""


def copied_fields(
    folder: Path, shape: tuple[int, ...], read: Callable[[int, slice], np.ndarray]
) -> np.ndarray:
    """A new array `(R, T, C, *grid)` float32 in the cache.

    Args:
        folder: passed to `build` by `cached_arrays`.
        shape: `(R, T, C, *grid)`.
        read: trajectory and frames → `(frames, C, *grid)`.
    """
    saved = new_array(folder, "values", shape, np.float32)
    frames = max(1, BLOCK_BYTES // max(8 * math.prod(shape[2:]), 1))
    for trajectory in range(shape[0]):
        for first in range(0, shape[1], frames):
            part = slice(first, min(first + frames, shape[1]))
            saved[trajectory, part] = read(trajectory, part)
    return saved
