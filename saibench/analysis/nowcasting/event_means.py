"""Means over rain events, and their differences, with intervals from resampling events."""

from __future__ import annotations

import math

import numpy as np
import polars
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.blocks import blocks_of, find_blocks
from saibench.analysis.bootstrap import Interval
from saibench.analysis.sample_means import interval_of_means


def event_blocks(values: ArrayLike, events: polars.DataFrame) -> NDArray[np.int64]:
    """Labels of the events of `(E,)` or `(E, C)` values.

    Stretches of time or groups of events where the data declare them; else each event is a block,
    or a bundle where there are more than 200, and a stretch of neighbours where these correlate.

    Args:
        values: what is to be resampled.
        events: a row an event, as `RainErrors.samples` has them.
    """
    return blocks_of(events, np.asarray(values, dtype=np.float64))


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
