"""Where the range of a feature starts and ends, and which samples are in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.block_numbers import block_numbers, rows_by_block
from saibench.analysis.bootstrap import Floats
from saibench.evidence.schema import HIGH, LOW

OpenSide = Literal["", "low", "high", "both"]
BOTH: Final = "both"
EDGE_BLOCKS = 3
"""Blocks that must reach each edge of a range; fewer if there are few blocks."""


def block_ends(features: Floats, blocks: NDArray) -> tuple[Floats, Floats]:
    """Smallest and largest value of each feature in each block, `(blocks, features)` each."""
    block_of, count = block_numbers(blocks)
    order, starts = rows_by_block(block_of, count)
    columns = [column[order] for column in features.T]
    lowest, highest = (
        np.stack([end.reduceat(column, starts) for column in columns], axis=1)
        for end in (np.minimum, np.maximum)
    )
    return lowest, highest


def reached(
    lowest: Floats, highest: Floats, edge_blocks: int = EDGE_BLOCKS
) -> tuple[Floats, Floats]:
    """The range of each feature whose edges several blocks reach, or fewer if there are few.

    Args:
        lowest, highest: see `block_ends`.
    """
    several = min(edge_blocks, 1 + len(lowest) // 10)
    return np.sort(lowest, axis=0)[several - 1], np.sort(highest, axis=0)[-several]


def open_range(
    low: Sequence[float], high: Sequence[float], open_sides: Sequence[OpenSide]
) -> tuple[Floats, Floats]:
    """Start and end of the range of each feature, −∞ or ∞ on an open side."""
    if not open_sides:
        return np.array(low), np.array(high)
    is_open = [[own in (side, BOTH) for own in open_sides] for side in (LOW, HIGH)]
    return np.where(is_open[0], -np.inf, low), np.where(is_open[1], np.inf, high)


def in_range(features: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Whether every feature is from `low` to `high`, `(samples,)`; ±∞ is no limit."""
    found = np.ones(len(features), dtype=bool)
    for column, least, most in zip(features.T, low, high, strict=True):
        if least > -np.inf:
            found &= column >= least
        if most < np.inf:
            found &= column <= most
    return found
