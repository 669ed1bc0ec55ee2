"""The mean of a series that has few correlation times, by Student's t of its parts.

Blocks of five correlation times are independent, but a series with a trend has only one to three of
them, which is too few for an interval. Four equal parts of it have t-values that Student's t of
three degrees of freedom bounds even if the variances of the parts differ; the correlation of
neighbouring parts is made up for by the choice of these series: their long correlation is estimated
from slow variation, which the parts' variance contains. Level under the null:
`docs/results/statistics/few_blocks.md`.

Source: Ibragimov and Müller, "t-statistic based correlation and heterogeneity robust inference",
J. Bus. Econ. Stat. 28 (2010).
"""

from __future__ import annotations

import math

import numpy as np
import polars
from scipy import stats

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import LEVEL, Floats, Interval
from saibench.analysis.sample_means import interval_of_means
from saibench.evidence.stretches import stretches

PARTS = 4
MIN_PART = 10
"""Samples of a part."""


def mean_of_series(samples: polars.DataFrame, values: Floats) -> Interval:
    """Mean of the values, by blocks as `interval_of_means` or else by `PARTS` parts.

    Args:
        samples: `sample_id` and `block_columns`, one row per sample.
        values: `(N,)`; NaN where undefined.
    """
    found = interval_of_means(lambda mean: mean, samples, values)
    defined = ~np.isnan(values)
    if not math.isnan(found.low) and found.num_blocks >= PARTS:
        return found
    if defined.sum() < PARTS * MIN_PART:
        return found
    blocks = find_blocks(samples.filter(polars.Series(defined)), values[defined])
    if not blocks.correlated or blocks.groups is not None or blocks.num_blocks >= PARTS:
        return found
    return interval_of_parts(values[defined][blocks.order])


def interval_of_parts(series: Floats) -> Interval:
    """Mean of a series `(N,)` in order with the interval from its parts.

    >>> found = interval_of_parts(np.repeat([1.0, 2.0, 3.0, 2.0], 10))
    >>> round(found.low, 2), found.estimate, round(found.high, 2), found.num_blocks
    (0.7, 2.0, 3.3, 4)
    """
    part = stretches(np.arange(len(series)), PARTS)
    means = np.bincount(part, series) / np.bincount(part)
    spread = float(means.std(ddof=1)) / math.sqrt(PARTS)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, PARTS - 1)) * spread
    centre, mean = float(means.mean()), float(series.mean())
    low, high = (centre - reach, centre + reach) if spread else (math.nan, math.nan)
    return Interval(low, mean, high, PARTS, len(series))
