"""Means over rain events, and what follows from them, with intervals from resampling events."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.blocks import blocks_of, find_blocks, influence
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap, weighted_means

Reduce = Callable[..., Floats]
"""A function of means, one array `(resamplings,)` a column, to one number a resampling."""


def event_blocks(values: ArrayLike, events: polars.DataFrame) -> NDArray[np.int64]:
    """Labels of the events of `(E,)` or `(E, C)` values.

    Stretches of time or groups of events where the data declare them; else each event is a block,
    or a bundle where there are more than 200, and a stretch of neighbours where these correlate.

    Args:
        values: what is to be resampled.
        events: a row an event, as `RainErrors.samples` has them.
    """
    return blocks_of(events, np.asarray(values, dtype=np.float64))


def interval_of_means(reduce: Reduce, events: polars.DataFrame, *columns: ArrayLike) -> Interval:
    """`reduce(*means)` of several numbers of each event, with its interval.

    All columns are resampled together: a hard event stays hard in each. An event whose value is
    NaN in one column counts in none, so that columns compare.

    Args:
        reduce: such as `lambda first, second: second - first`.
        events: a row an event, as `RainErrors.samples` has them.
        columns: `(E,)` each, in the order of `events`.
    """
    values = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    if not len(values):
        return Interval(math.nan, math.nan, math.nan, 0, 0)

    def statistic(values: Floats, weights: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return reduce(*weighted_means(values, weights).T)

    memory = influence(lambda means: reduce(*means.T), values)
    return block_bootstrap(values, event_blocks(memory, events), statistic, of_means=True)


def mean_over_events(
    column: ArrayLike, events: polars.DataFrame, *, share: bool = False
) -> Interval:
    """Mean of one number of each event, NaN where it is undefined.

    Args:
        share: whether the number is declared to be 0 or 1.
    """
    if not share:
        return interval_of_means(lambda mean: mean, events, column)
    values = np.asarray(column, dtype=np.float64)
    if np.isnan(values).all():
        return Interval(math.nan, math.nan, math.nan, 0, 0)
    return find_blocks(events, values).mean(values, share=True)


def difference(first: ArrayLike, second: ArrayLike, events: polars.DataFrame) -> Interval:
    """Mean of `first` less that of `second`, two numbers of the same events."""
    return interval_of_means(lambda one, other: one - other, events, first, second)


def relative_change(before: ArrayLike, after: ArrayLike, events: polars.DataFrame) -> Interval:
    """By what share of itself the mean grows from `before` to `after`."""
    return interval_of_means(lambda one, other: other / one - 1, events, before, after)
