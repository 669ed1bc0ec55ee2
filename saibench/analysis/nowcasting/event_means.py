"""Means over rain events, and their differences, with intervals from resampling events."""

from __future__ import annotations

import math

import numpy as np
import polars
from numpy.typing import ArrayLike

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Interval
from saibench.analysis.sample_means import interval_of_means


def mean_over_events(
    column: ArrayLike, events: polars.DataFrame, *, share: bool = False
) -> Interval:
    """Mean of one value per event, NaN where it is undefined.

    Args:
        share: whether the values are declared to be 0 or 1.
    """
    if not share:
        return interval_of_means(lambda mean: mean, events, column)
    values = np.asarray(column, dtype=np.float64)
    if np.isnan(values).all():
        return Interval(math.nan, math.nan, math.nan, 0, 0)
    return find_blocks(events, values).mean(values, share=True)


def difference(first: ArrayLike, second: ArrayLike, events: polars.DataFrame) -> Interval:
    """Mean of `first` minus mean of `second`, two values of the same events."""
    return interval_of_means(lambda one, other: one - other, events, first, second)
