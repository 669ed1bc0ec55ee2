"""Means over rain events, and what follows from them, with intervals from resampling events."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars
from numpy.typing import ArrayLike, NDArray

from saibench.interpretation.blocks import blocks_of, influence
from saibench.interpretation.bootstrap import Floats, Interval, block_bootstrap

Reduce = Callable[..., Floats]
"""A function of means, one array `(resamplings,)` a column, to one number a resampling."""


def event_blocks(values: ArrayLike) -> NDArray[np.int64]:
    """Labels of the events of `(events,)` or `(events, C)` values, ascending by id.

    Each event is a block, or a bundle where there are more than 200; stretches of neighbours where
    these correlate (see `saibench.interpretation.blocks`).
    """
    columns = np.asarray(values, dtype=np.float64)
    return blocks_of(polars.DataFrame({"sample_id": np.arange(len(columns))}), columns)


def interval_of_means(reduce: Reduce, *columns: ArrayLike) -> Interval:
    """`reduce(*means)` of several numbers of each event, with its interval.

    All columns are resampled together: a hard event stays hard in each. An event whose value is
    NaN in one column counts in none, so that columns compare.

    Args:
        reduce: such as `lambda first, second: second - first`.
        columns: `(events,)` each, events in one order.
    """
    values = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    if not len(values):
        return Interval(math.nan, math.nan, math.nan, 0, 0)

    def statistic(values: Floats, weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return reduce(*(weights @ values / weights.sum(axis=1, keepdims=True)).T)

    memory = influence(lambda means: reduce(*means.T), values)
    return block_bootstrap(values, event_blocks(memory), statistic, of_means=True)


def mean_over_events(column: ArrayLike) -> Interval:
    """Mean of one number of each event, NaN where it is undefined."""
    return interval_of_means(lambda mean: mean, column)


def difference(first: ArrayLike, second: ArrayLike) -> Interval:
    """Mean of `first` less that of `second`, two numbers of the same events."""
    return interval_of_means(lambda one, other: one - other, first, second)


def relative_change(before: ArrayLike, after: ArrayLike) -> Interval:
    """By what share of itself the mean grows from `before` to `after`."""
    return interval_of_means(lambda one, other: other / one - 1, before, after)
