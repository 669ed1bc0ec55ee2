"""Units of samples that the data declare independent, and stretches of those that are not.

How long a stretch is, the errors' own memory tells: five correlation times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.evidence.autocorrelation import Floats, correlation_time, lag_one, less_class_means
from saibench.evidence.independence import (
    GROUP,
    GROUP_COLUMN,
    ORDER_COLUMN,
    SAMPLE,
    STRATUM_COLUMN,
    TIME,
)

MAX_BLOCKS = 200
"""More independent blocks gain nothing."""
TIMES_IN_BLOCK = 5
"""Correlation times that a stretch lasts."""
NEIGHBOURS_CORRELATE = 0.3
"""Lag-one autocorrelation from which errors contradict that samples are independent …"""
MAX_CLASSES = 10
CONTRADICTION_LEVEL = 0.001
"""… if independent errors reach it less often than this."""

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Units:
    """What N samples are made up of, in the order in which neighbours may resemble each other.

    Args:
        kind: of what is declared to be independent: time, group or sample.
        unit: `(N,)` in 0 … U − 1, whole groups or single samples; in order of time, or of ids.
        strata: `(U,)` classes of the units, of which the numbers were chosen.
    """

    kind: str
    unit: Labels
    strata: Labels

    @property
    def count(self) -> int:
        return len(self.strata)

    def series(self, values: Floats) -> Floats:
        """Means over the units of `(N, C)` values, class after class, less the class's mean."""
        columns = [
            less_class_means(_means(column, self.unit, self.count), self.strata)
            for column in values.T
        ]
        return np.stack(columns, axis=1)[np.argsort(self.strata, kind="stable")]

    def stretches(self, number: int) -> Labels:
        """`(N,)` labels of equal stretches of each class, each of which holds all classes."""
        labels = np.empty(self.count, dtype=np.int64)
        fewest = int(np.bincount(self.strata).min())
        for stratum in np.unique(self.strata):
            own = np.flatnonzero(self.strata == stratum)
            labels[own] = stretches(np.arange(len(own)), min(number, fewest))
        return labels[self.unit]


def units_of(samples: polars.DataFrame) -> Units:
    """The units of at least one sample, by the columns of `saibench.evidence.independence`."""
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
    declared = samples[GROUP_COLUMN].to_numpy()[by_id]
    _, first, number = np.unique(declared, return_index=True, return_inverse=True)
    unit[by_id] = np.argsort(np.argsort(first))[number]  # in the order in which they appear
    return Units(GROUP, unit, np.zeros(len(first), dtype=np.int64))


def stretches(rows: NDArray[np.intp], number: int) -> Labels:
    """Labels `(samples,)` of at most `number` equal stretches of rows that are given in order."""
    labels = np.empty(len(rows), dtype=np.int64)
    labels[rows] = np.arange(len(rows)) * min(number, len(rows)) // max(1, len(rows))
    return labels


def contradiction(series: Floats, *, replicates: bool = False, looks: int = 1) -> float | None:
    """Lag-one autocorrelation of columns in order, where independent errors do not have it.

    Args:
        series: `(U, C)`; NaN where undefined.
        replicates: whether the columns are one quantity measured several times, so that their mean
            autocorrelation counts.
        looks: how many such series are looked at.
    """
    found = [(lag_one(own), len(own)) for own in _defined(series)]
    if not found:
        return None
    if replicates:
        found = [(float(np.mean([rho for rho, _ in found])), min(count for _, count in found))]
    beyond = NormalDist().inv_cdf(1 - CONTRADICTION_LEVEL / looks)
    told = [rho for rho, n in found if rho > max(NEIGHBOURS_CORRELATE, beyond / math.sqrt(n))]
    return max(told, default=None)


def memory(series: Floats, *, replicates: bool = False) -> float:
    """Correlation time of columns in order: the longest, or that of the mean of `replicates`."""
    columns = _defined(series)
    if replicates:
        return correlation_time(columns)
    return max((correlation_time([own]) for own in columns), default=1.0)


def number_of_stretches(correlation_time: float, count: int) -> int:
    """So many stretches of five correlation times `count` units hold; at least 1."""
    return max(1, min(MAX_BLOCKS, int(count / (TIMES_IN_BLOCK * correlation_time))))


def complete(samples: polars.DataFrame, name: str) -> bool:
    """Whether each of at least one row has a value in this column."""
    return name in samples.columns and samples.height > 0 and samples[name].null_count() == 0


def _classes(samples: polars.DataFrame) -> Labels:
    """Numbers of the classes; all one class where a column does not hold few classes."""
    if not complete(samples, STRATUM_COLUMN) or samples[STRATUM_COLUMN].n_unique() > MAX_CLASSES:
        return np.zeros(samples.height, dtype=np.int64)
    return np.unique(samples[STRATUM_COLUMN].to_numpy(), return_inverse=True)[1].astype(np.int64)


def _means(column: Floats, unit: Labels, count: int) -> Floats:
    defined = ~np.isnan(column)
    counts = np.bincount(unit[defined], minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.bincount(unit[defined], column[defined], minlength=count) / counts


def _defined(series: Floats) -> list[Floats]:
    columns = [column[~np.isnan(column)] for column in series.T]
    return [column for column in columns if len(column)]
