"""Means of many statistics of the same samples at once, by blocks, with their intervals.

The numbers are those of `estimate_mean` of one point; a page asks for hundreds of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.interpretation.bootstrap import (
    Floats,
    Interval,
    draw_blocks,
    percentile_interval,
)
from saibench.interpretation.estimates import blocks_of


@dataclass(frozen=True, eq=False)
class BlockMeans:
    """A number by blocks of samples, all that it takes to resample it: `offset` + Σ factors × mean.

    Two of them are of the same blocks, and their difference is resampled in pairs, where
    `samples` agree.

    Args:
        means: `(B, G)`, of G groups of samples in each block; 0 where a block has none.
        counts: `(B, G)`, of samples.
        factors: `(G,)`; a plain mean has one group and the factor 1.
        offset: what is added.
        samples: a digest of the ids of the samples behind it.
    """

    means: Floats
    counts: Floats
    factors: tuple[float, ...]
    offset: float
    samples: str


def block_means(
    values: Floats, samples: polars.DataFrame
) -> list[tuple[Interval, BlockMeans] | None]:
    """Of each column of `values` `(N, C)` its mean with its interval, and its blocks.

    Args:
        values: NaN where a statistic is undefined: such a sample carries no weight.
        samples: their `sample_id`, and `time` if they have one, N rows in ascending `sample_id`.

    Returns:
        None for a column that is undefined everywhere.
    """
    defined = ~np.isnan(values)
    patterns, pattern_of = np.unique(defined, axis=1, return_inverse=True)
    found: list[tuple[Interval, BlockMeans] | None] = [None] * values.shape[1]
    for number in range(patterns.shape[1]):
        rows = patterns[:, number]
        if not rows.any():
            continue
        chosen = samples.filter(polars.Series(rows))
        columns = np.flatnonzero(pattern_of.ravel() == number)
        for column, one in zip(columns, _of_defined(values[rows][:, columns], chosen), strict=True):
            found[int(column)] = one
    return found


def samples_digest(ids: NDArray[np.int64]) -> str:
    """Tells sets of samples apart, given in ascending order."""
    return hashlib.sha256(np.ascontiguousarray(ids, np.int64).tobytes()).hexdigest()[:12]


def _of_defined(values: Floats, samples: polars.DataFrame) -> list[tuple[Interval, BlockMeans]]:
    labels, block = np.unique(blocks_of(samples), return_inverse=True)
    counts = np.bincount(block).astype(np.float64)
    sums = np.stack([np.bincount(block, column) for column in values.T], axis=1)
    draws = draw_blocks(len(labels), seed=0)
    resampled = (draws @ sums) / (draws @ counts)[:, None]
    digest = samples_digest(samples["sample_id"].to_numpy())
    return [
        (
            percentile_interval(
                float(values[:, n].mean()), resampled[:, n], len(labels), len(values)
            ),
            BlockMeans((sums[:, n] / counts)[:, None], counts[:, None], (1.0,), 0.0, digest),
        )
        for n in range(values.shape[1])
    ]
