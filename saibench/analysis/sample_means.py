"""Numbers that follow from means over samples, with intervals from resampling them in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars
from numpy.typing import ArrayLike

from saibench.analysis.blocks import blocks_of, influence
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap, weighted_means

Reduce = Callable[..., Floats]
"""A function of means, one array `(resamplings,)` a column, to one number a resampling."""


def interval_of_means(reduce: Reduce, samples: polars.DataFrame, *columns: ArrayLike) -> Interval:
    """`reduce(*means)` of several numbers of each sample, with its interval.

    All columns are resampled together: a hard sample stays hard in each. A sample whose value is
    NaN in one column counts in none, so that columns compare.

    Args:
        reduce: such as `lambda first, second: second - first`.
        samples: their `sample_id` and `block_columns`, a row a sample.
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
    """By what share of itself the mean grows from `before` to `after`."""
    return interval_of_means(lambda one, other: other / one - 1, samples, before, after)
