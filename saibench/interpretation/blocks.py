"""The one rule by which samples fall into independent blocks.

Every interval, p-value and bound resamples these blocks. The data declare what is independent
(`saibench.evidence.independence`):

- by time: unbroken stretches of five correlation times of the errors, at most 200;
- by group: whole groups (trajectories, radar series), at most 200 of them or bundles of them;
- by sample: every sample, or 200 bundles. Where a number of each class was chosen, bundles have
  the classes' shares.

Groups and samples that are declared independent are checked: where the errors of neighbours
correlate beyond chance, stretches of five correlation times are taken instead, and whoever shows
the numbers says so (`Blocks.contradiction`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from saibench.errors import UserError
from saibench.evidence.independence import (
    COLUMNS,
    GROUP,
    GROUP_COLUMN,
    ORDER_COLUMN,
    SAMPLE,
    STRATUM_COLUMN,
    TIME,
)
from saibench.interpretation.autocorrelation import correlation_time, lag_one, less_class_means
from saibench.interpretation.bootstrap import Floats, Interval, block_bootstrap, stretches

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
class Blocks:
    """Blocks of N samples.

    Args:
        labels: `(N,)` in 0 … B − 1.
        cells: `(N,)` in 0 … C − 1, at most 200 bundles of neighbours, the same for all errors of
            these samples; blocks consist of them, as far as whole cells fit.
        kind: of what is independent: time, group or sample.
        order: `(N,)` rows in the order in which neighbours may resemble each other.
        contradiction: lag-one autocorrelation of the errors where it contradicts the declared
            independence, else None.
        groups: `(N,)` in 0 … G − 1 in the order of `order`, of declared groups; else None.
    """

    labels: Labels
    cells: Labels
    kind: str
    order: NDArray[np.intp]
    contradiction: float | None = None
    groups: Labels | None = None

    @property
    def num_blocks(self) -> int:
        return int(self.labels.max(initial=-1)) + 1

    @property
    def correlated(self) -> bool:
        """Whether neighbouring samples resemble each other."""
        return self.kind != SAMPLE or self.contradiction is not None

    @property
    def piece(self) -> int:
        """Neighbours in `order` that a permutation keeps together; declared groups, not samples."""
        if self.contradiction is None and self.kind != TIME:
            return 1
        units = len(self.labels) if self.groups is None else int(self.groups.max(initial=-1)) + 1
        return max(1, round(units / max(1, self.num_blocks)))

    def mean(
        self, values: Floats, among: NDArray[np.bool_] | None = None, *, share: bool = False
    ) -> Interval:
        """Mean of `(N,)` values, or of those `among` the samples, with its interval.

        Args:
            share: whether the values are declared to be 0 or 1.
        """
        chosen = slice(None) if among is None else among
        return block_bootstrap(
            values[chosen], self.labels[chosen], share=share, independent=not self.correlated
        )


def block_columns(rows: polars.DataFrame) -> list[str]:
    """The columns of `rows` that `find_blocks` reads beside `sample_id`; keep them in any query."""
    return [name for name in COLUMNS if name in rows.columns]


def blocks_of(samples: polars.DataFrame, errors: ArrayLike) -> Labels:
    """The labels of `find_blocks`."""
    return find_blocks(samples, errors).labels


def find_blocks(
    samples: polars.DataFrame, errors: ArrayLike, *, replicates: bool = False
) -> Blocks:
    """The blocks of N samples, one row each.

    Args:
        samples: `sample_id` and what there is of `block_columns`.
        errors: `(N,)` or `(N, C)`: what is to be resampled; its memory sets the stretches. NaN
            where it is undefined. Of several columns the longest memory counts.
        replicates: whether the columns are one quantity measured several times (by points), so
            that their mean autocorrelation counts.

    Raises:
        UserError: there is no sample.
    """
    if not samples.height:
        raise UserError("None of the samples has a value.")
    values = np.asarray(errors, dtype=np.float64)
    values = values.reshape(samples.height, -1) if values.ndim != 2 else values
    values = np.where(np.isinf(values), np.nan, values)  # of failures the others' memory tells
    for name in (ORDER_COLUMN, TIME):
        if _complete(samples, name) and not _complete(samples, GROUP_COLUMN):
            order = np.lexsort([samples["sample_id"].to_numpy(), samples[name].to_numpy()])
            found = _number(_memory(values[order], replicates), samples.height)
            return Blocks(stretches(order, found), stretches(order, MAX_BLOCKS), TIME, order)
    grouped = _complete(samples, GROUP_COLUMN)
    kind = GROUP if grouped and samples[GROUP_COLUMN].n_unique() < samples.height else SAMPLE
    return _declared_independent(samples, values, kind, replicates)


def influence(reduce: Callable[[Floats], Floats], values: Floats) -> Floats:
    """What each sample adds to a function of several means: the series whose memory counts.

    Args:
        reduce: of means `(resamplings, C)` to one number each.
        values: `(N, C)`; samples with a NaN are undefined.

    Returns:
        `(N,)`, Σ over columns of ∂reduce × (value − mean); the columns themselves, `(N, C)`, where
        the function does not depend on the means smoothly.
    """
    defined = ~np.isnan(values).any(axis=1)
    if not defined.any():
        return values
    mean, spread = values[defined].mean(axis=0), values[defined].std(axis=0)
    step = np.diag(np.where(spread > 0, spread, 1.0) / math.sqrt(defined.sum()))
    with np.errstate(all="ignore"):
        slope = (reduce(mean + step) - reduce(mean - step)) / (2 * np.diag(step))
    if not np.isfinite(slope).all() or not slope.any():
        return values
    return (values - mean) @ slope


def _declared_independent(
    samples: polars.DataFrame, values: Floats, kind: str, replicates: bool
) -> Blocks:
    by_id = np.argsort(samples["sample_id"].to_numpy(), kind="stable")
    strata = _codes(samples, STRATUM_COLUMN)
    unit = np.empty(samples.height, dtype=np.int64)
    if kind == GROUP:
        declared = samples[GROUP_COLUMN].to_numpy()[by_id]
        _, first, number = np.unique(declared, return_index=True, return_inverse=True)
        unit[by_id] = np.argsort(np.argsort(first))[number]  # in the order in which they appear
        strata = np.zeros_like(strata)
    else:
        unit[by_id] = np.arange(samples.height)
    num_units = int(unit.max(initial=-1)) + 1
    of_unit = np.zeros(num_units, dtype=np.int64)
    of_unit[unit] = strata
    series = np.stack(
        [less_class_means(_unit_means(column, unit, num_units), of_unit) for column in values.T],
        axis=1,
    )
    order = np.lexsort([unit, strata])
    apart = np.argsort(of_unit, kind="stable")  # neighbours of one class
    told = _contradiction(series[apart], replicates)
    groups = unit if kind == GROUP else None
    if told is None:
        bundles = stretches(np.arange(num_units), MAX_BLOCKS)
        cells = dealt_blocks(of_unit) if strata.any() else bundles
        every = order if kind == GROUP else by_id
        return Blocks(cells[unit], cells[unit], kind, every, groups=groups)
    found = _number(_memory(series[apart], replicates), num_units)
    labels, cells = (_by_class(of_unit, number)[unit] for number in (found, MAX_BLOCKS))
    return Blocks(labels, cells, kind, order, told, groups)


def _complete(samples: polars.DataFrame, name: str) -> bool:
    return name in samples.columns and samples.height > 0 and samples[name].null_count() == 0


def _codes(samples: polars.DataFrame, name: str) -> Labels:
    """Numbers of the classes; all one class where a column does not hold few classes."""
    if not _complete(samples, name) or samples[name].n_unique() > MAX_CLASSES:
        return np.zeros(samples.height, dtype=np.int64)
    return np.unique(samples[name].to_numpy(), return_inverse=True)[1].astype(np.int64)


def _unit_means(column: Floats, unit: Labels, num_units: int) -> Floats:
    defined = ~np.isnan(column)
    counts = np.bincount(unit[defined], minlength=num_units)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.bincount(unit[defined], column[defined], minlength=num_units) / counts


def _contradiction(series: Floats, replicates: bool) -> float | None:
    """Lag-one autocorrelation of columns in order, where independent errors do not have it."""
    found = [(lag_one(own), len(own)) for own in _defined(series)]
    if not found:
        return None
    if replicates:
        found = [(float(np.mean([rho for rho, _ in found])), min(count for _, count in found))]
    beyond = stats.norm.ppf(1 - CONTRADICTION_LEVEL)
    told = [rho for rho, n in found if rho > max(NEIGHBOURS_CORRELATE, beyond / math.sqrt(n))]
    return max(told, default=None)


def _memory(series: Floats, replicates: bool) -> float:
    columns = _defined(series)
    if replicates:
        return correlation_time(columns)
    return max((correlation_time([own]) for own in columns), default=1.0)


def _defined(series: Floats) -> list[Floats]:
    columns = [column[~np.isnan(column)] for column in series.T]
    return [column for column in columns if len(column)]


def _number(memory: float, count: int) -> int:
    return max(1, min(MAX_BLOCKS, int(count / (TIMES_IN_BLOCK * memory))))


def _by_class(strata: Labels, number: int) -> Labels:
    """Equal stretches of each class's samples, so many that each holds samples of all classes."""
    labels = np.empty(len(strata), dtype=np.int64)
    fewest = int(np.bincount(strata).min())
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        labels[own] = stretches(np.arange(len(own)), min(number, fewest))
    return labels


def dealt_blocks(classes: ArrayLike) -> Labels:
    """`(N,)` labels of at most 200 bundles, to which the samples of each class are dealt in turn.

    The classes' shares are chosen, not found (as a test set's of top jets), so all bundles have the
    same.
    """
    of_sample = np.asarray(classes)
    labels = np.empty(len(of_sample), dtype=np.int64)
    for one in np.unique(of_sample):
        own = np.flatnonzero(of_sample == one)
        labels[own] = np.arange(len(own)) % min(MAX_BLOCKS, len(of_sample))
    return labels
