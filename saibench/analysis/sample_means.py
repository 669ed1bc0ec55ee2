"""Functions of means over samples, with intervals from resampling blocks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars
from numpy.typing import ArrayLike

from saibench.analysis.blocks import blocks_of, influence
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap, weighted_means

Reduce = Callable[..., Floats]
"""A function of means, one array `(resamplings,)` per column, to `(resamplings,)`."""


def interval_of_means(reduce: Reduce, samples: polars.DataFrame, *columns: ArrayLike) -> Interval:
    """`reduce(*means)` of several columns, with its interval.

    All columns are resampled together (paired). A sample that is NaN in one column is excluded
    from all.

    Args:
        reduce: such as `lambda first, second: second - first`.
        samples: `sample_id` and `block_columns`, one row per sample.
        columns: `(N,)` each, in the order of `samples`.
    """
    values = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    if not len(values):
        return Interval(math.nan, math.nan, math.nan, 0, 0)

    def statistic(values: Floats, weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return reduce(*weighted_means(values, weights).T)

    memory = influence(lambda means: reduce(*means.T), values)
    return block_bootstrap(values, blocks_of(samples, memory), statistic, of_means=True)


def relative_change(before: ArrayLike, after: ArrayLike, samples: polars.DataFrame) -> Interval:
    """Relative change of the mean from `before` to `after`."""
    return interval_of_means(lambda one, other: other / one - 1, samples, before, after)
