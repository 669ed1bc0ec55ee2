"""Means of many statistics of the same samples, by block, with their intervals.

The numbers equal those of `estimate_mean` for one run; a page needs hundreds of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import Declared
from saibench.analysis.bootstrap import Floats, Interval


@dataclass(frozen=True, eq=False)
class BlockMeans:
    """A number by cells of samples, in the form that a page resamples: `offset` + Σ factors × mean.

    Two numbers with equal `samples` have the same cells; their difference is resampled in pairs.

    Args:
        means: `(C, G)`, of G groups of samples in each cell; 0 where a cell has none.
        counts: `(C, G)` numbers of samples.
        factors: `(G,)`; a plain mean has one group and the factor 1.
        offset: constant term.
        samples: digest of the sample ids and of their cells.
        num_blocks: number of blocks, each of equally many neighbouring cells.
        share: whether the interval is that of a share, so that a difference uses its bounds.
    """

    means: Floats
    counts: Floats
    factors: tuple[float, ...]
    offset: float
    samples: str
    num_blocks: int
    share: bool = False


def block_means(
    values: Floats, samples: polars.DataFrame, shares: Sequence[bool] = ()
) -> list[tuple[Interval, BlockMeans] | None]:
    """The mean of each column of `values` `(N, C)` with its interval, and its blocks.

    Args:
        values: NaN where a statistic is undefined; such a sample has no weight.
        samples: `sample_id` and `block_columns`, N rows in ascending `sample_id`.
        shares: `(C,)`, whether a column is declared to be 0 or 1; False by default.

    Returns:
        None for a column that is undefined for all samples.
    """
    found: list[tuple[Interval, BlockMeans] | None] = []
    same: dict[bytes, tuple[Declared, NDArray[np.int64]]] = {}  # by the samples that are defined
    are_shares = shares or [False] * values.shape[1]
    for column, share in zip(values.T, are_shares, strict=True):
        defined = ~np.isnan(column)
        if not defined.any():
            found.append(None)
            continue
        if (key := defined.tobytes()) not in same:
            chosen = samples.filter(polars.Series(defined))
            same[key] = Declared(chosen), chosen["sample_id"].to_numpy()
        (declared, ids), own = same[key], column[defined]
        blocks = declared.blocks(own)
        counts = np.bincount(blocks.cells).astype(np.float64)
        means = np.bincount(blocks.cells, own) / counts
        digest = samples_digest(ids, blocks.cells)
        of_cells = BlockMeans(
            means[:, None], counts[:, None], (1.0,), 0.0, digest, blocks.num_blocks, share
        )
        found.append((blocks.mean(own, share=share), of_cells))
    return found


def samples_digest(ids: NDArray[np.int64], cells: NDArray[np.int64]) -> str:
    """A digest of sample ids, in ascending order, and of their cells."""
    both = np.ascontiguousarray(np.stack([ids, cells]), np.int64)
    return hashlib.sha256(both.tobytes()).hexdigest()[:12]
