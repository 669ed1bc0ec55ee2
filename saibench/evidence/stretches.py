"""Units of samples that the data declare independent, and stretches of correlated units.

A stretch lasts five correlation times of the errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.evidence.autocorrelation import Floats, correlation_time, lag_one, means_by_label
from saibench.evidence.independence import (
    GROUP,
    GROUP_COLUMN,
    ORDER_COLUMN,
    SAMPLE,
    STRATUM_COLUMN,
    TIME,
)

MAX_BLOCKS = 200
"""More independent blocks do not improve an interval."""
TIMES_IN_BLOCK = 5
"""Correlation times in a stretch."""
NEIGHBOURS_CORRELATE = 0.3
"""Lag-one autocorrelation above which samples declared independent are treated as correlated,
if it is significant at `CONTRADICTION_LEVEL`."""
CONTRADICTION_LEVEL = 0.001
MAX_CLASSES = 10

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Units:
    """The units (groups or single samples) of N samples, in the order of time or of ids.

    Args:
        kind: what is declared independent: time, group or sample.
        unit: `(N,)` number of each sample's unit, 0 … U − 1.
        strata: `(U,)` class of each unit, for data with a chosen number of samples per class.
    """

    kind: str
    unit: Labels
    strata: Labels

    @property
    def count(self) -> int:
        return len(self.strata)

    def series(self, values: Floats) -> Floats:
        """Unit means `(U, C)` of `(N, C)` values minus their class's mean, class after class."""
        columns = []
        for column in values.T:
            means = means_by_label(column, self.unit, self.count)
            columns.append(means - means_by_label(means, self.strata, self.count)[self.strata])
        return np.stack(columns, axis=1)[np.argsort(self.strata, kind="stable")]

    def stretches(self, number: int) -> Labels:
        """`(N,)` labels of equal stretches; each stretch has units of every class."""
        labels = np.empty(self.count, dtype=np.int64)
        number = min(number, int(np.bincount(self.strata).min()))
        for stratum in np.unique(self.strata):
            own = np.flatnonzero(self.strata == stratum)
            labels[own] = stretches(np.arange(len(own)), number)
        return labels[self.unit]


def units_of(samples: polars.DataFrame) -> Units:
    """The units of one or more samples, from the columns of `saibench.evidence.independence`."""
    ids = samples["sample_id"].to_numpy()
    unit = np.empty(samples.height, dtype=np.int64)
    grouped = complete(samples, GROUP_COLUMN)
    if complete(samples, ORDER_COLUMN) and not grouped:
        unit[np.lexsort([ids, samples[ORDER_COLUMN].to_numpy()])] = np.arange(samples.height)
        return Units(TIME, unit, np.zeros_like(unit))
    by_id = np.argsort(ids, kind="stable")
    if not grouped or samples[GROUP_COLUMN].n_unique() == samples.height:
        unit[by_id] = np.arange(samples.height)
        return Units(SAMPLE, unit, _classes(samples)[by_id])
    declared = samples[GROUP_COLUMN]
    names = declared[by_id].unique(maintain_order=True)  # in the order in which they appear
    unit = declared.replace_strict(names, range(len(names)), return_dtype=polars.Int64).to_numpy()
    return Units(GROUP, unit, np.zeros(len(names), dtype=np.int64))


def stretches(rows: NDArray[np.intp], number: int) -> Labels:
    """Labels `(samples,)` of at most `number` equal stretches of rows in order."""
    labels = np.empty(len(rows), dtype=np.int64)
    labels[rows] = np.arange(len(rows)) * min(number, len(rows)) // max(1, len(rows))
    return labels


def contradiction(series: Floats, *, replicates: bool = False, tests: int = 1) -> float | None:
    """The largest lag-one autocorrelation if it is significant, so that units are not independent.

    Args:
        series: `(U, C)` columns in order; NaN where undefined.
        replicates: whether the columns are repeated measurements of one quantity, whose mean
            autocorrelation is tested.
        tests: number of series tested, for the Bonferroni correction.
    """
    found = [(lag_one(own), len(own)) for own in _defined(series)]
    if not found:
        return None
    if replicates:
        found = [(float(np.mean([rho for rho, _ in found])), min(count for _, count in found))]
    critical = NormalDist().inv_cdf(1 - CONTRADICTION_LEVEL / tests)
    limits = [max(NEIGHBOURS_CORRELATE, critical / math.sqrt(n)) for _, n in found]
    significant = [rho for (rho, _), limit in zip(found, limits, strict=True) if rho > limit]
    return max(significant, default=None)


def memory(series: Floats, *, replicates: bool = False) -> float:
    """Correlation time of columns in order: the longest, or that of the mean of `replicates`."""
    columns = _defined(series)
    if replicates:
        return correlation_time(columns)
    return max((correlation_time([own]) for own in columns), default=1.0)


def number_of_stretches(correlation_time: float, count: int) -> int:
    """Number of stretches of five correlation times in `count` units; at least 1."""
    return max(1, min(MAX_BLOCKS, int(count / (TIMES_IN_BLOCK * correlation_time))))


def complete(samples: polars.DataFrame, name: str) -> bool:
    """Whether there are rows and each has a value in this column."""
    return name in samples.columns and samples.height > 0 and samples[name].null_count() == 0


def _classes(samples: polars.DataFrame) -> Labels:
    """Number of each sample's class; all 0 without a column of few classes."""
    if not complete(samples, STRATUM_COLUMN) or samples[STRATUM_COLUMN].n_unique() > MAX_CLASSES:
        return np.zeros(samples.height, dtype=np.int64)
    return np.unique(samples[STRATUM_COLUMN].to_numpy(), return_inverse=True)[1].astype(np.int64)


def _defined(series: Floats) -> list[Floats]:
    columns = [column[~np.isnan(column)] for column in series.T]
    return [column for column in columns if len(column)]
