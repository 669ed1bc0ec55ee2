"""Divides samples into independent blocks; every interval, p-value and bound resamples them.

The data declare what is independent (`saibench.evidence.independence`):

- by time: contiguous stretches of five correlation times of the errors, at most 200;
- by group: whole groups (trajectories, radar series), or at most 200 bundles of groups;
- by sample: single samples, or at most 200 bundles. If the number of samples per class was chosen,
  the bundles are stratified by class.

Declared independence is checked: if the errors of neighbours correlate significantly, contiguous
stretches of five correlation times are used instead, and pages and commands report it
(`Blocks.contradiction`).

A study has one decision for all numbers of the same samples, from its main errors
(`saibench.evidence.dependence`), so that related numbers have the same blocks. Only errors with a
much longer correlation time, as of a model that drifts, have longer stretches of their own; in a
time series also errors with a much shorter one, as paired differences, have shorter stretches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.errors import UserError
from saibench.evidence.autocorrelation import lag_one
from saibench.evidence.dependence import MUCH_LONGER, stretches_of
from saibench.evidence.independence import GROUP, MARKS, SAMPLE, TIME
from saibench.evidence.stretches import (
    MAX_BLOCKS,
    Labels,
    contradiction,
    memory,
    number_of_stretches,
    stretches,
    units_of,
)

MANY_BLOCKS = 20
"""With more stretches than this the correlation time of a series is well known, so that errors
with a much shorter one than the study's have stretches of their own."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of N samples.

    Args:
        labels: `(N,)` in 0 … B − 1.
        cells: `(N,)` in 0 … C − 1, at most 200 bundles of neighbours, the same for all errors of
            these samples; blocks consist of cells, as far as whole cells fit.
        kind: what is declared independent: time, group or sample.
        order: `(N,)` rows in the order in which neighbours may be correlated.
        contradiction: lag-one autocorrelation of the errors if it contradicts the declared
            independence, else None.
        groups: `(N,)` in 0 … G − 1, the declared groups in the order of `order`; else None.
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
        """Whether neighbouring samples are correlated."""
        return self.kind != SAMPLE or self.contradiction is not None

    @property
    def piece(self) -> int:
        """Number of neighbours in `order` (declared groups, else samples) permuted together."""
        if self.contradiction is None and self.kind != TIME:
            return 1
        units = len(self.labels) if self.groups is None else int(self.groups.max(initial=-1)) + 1
        return max(1, round(units / max(1, self.num_blocks)))

    def mean(
        self, values: Floats, among: NDArray[np.bool_] | None = None, *, share: bool = False
    ) -> Interval:
        """Mean of `(N,)` values with its interval.

        Args:
            among: `(N,)` samples to use; all by default.
            share: whether the values are declared to be 0 or 1.
        """
        chosen = slice(None) if among is None else among
        return block_bootstrap(
            values[chosen], self.labels[chosen], share=share, independent=not self.correlated
        )


def block_columns(rows: polars.DataFrame) -> list[str]:
    """The columns that `find_blocks` reads in addition to `sample_id`; keep them in any query."""
    return [name for name in MARKS if name in rows.columns]


def blocks_of(samples: polars.DataFrame, errors: ArrayLike) -> Labels:
    """The labels of `find_blocks`."""
    return find_blocks(samples, errors).labels


def find_blocks(
    samples: polars.DataFrame, errors: ArrayLike, *, replicates: bool = False
) -> Blocks:
    """Divide N samples into blocks.

    Args:
        samples: `sample_id` and the available `block_columns`, one row per sample.
        errors: `(N,)` or `(N, C)` values to be resampled, NaN where undefined. Their correlation
            time sets the length of the stretches; of several columns the longest is used.
        replicates: whether the columns are one quantity measured several times (by runs), so that
            their mean autocorrelation is used.

    Raises:
        UserError: there is no sample.
    """
    return Declared(samples).blocks(errors, replicates=replicates)


class Declared:
    """What N samples declare of their independence; divides them for one error after another.

    Args:
        samples: as those of `find_blocks`.

    Raises:
        UserError: there is no sample.
    """

    def __init__(self, samples: polars.DataFrame) -> None:
        if not samples.height:
            raise UserError("No sample has a value of the statistic.")
        self.units = units_of(samples)
        self.decided = stretches_of(samples)

    def blocks(self, errors: ArrayLike, *, replicates: bool = False) -> Blocks:
        """The blocks for errors as those of `find_blocks`."""
        units, decided, timed = self.units, self.decided, self.units.kind == TIME
        values = np.asarray(errors, dtype=np.float64)
        values = values.reshape(len(units.unit), -1) if values.ndim != 2 else values
        values = np.where(np.isinf(values), np.nan, values)  # failures are no part of the series
        series, lag = units.series(values), None
        if decided is None and not timed:
            lag = contradiction(series, replicates=replicates)
        elif decided and not timed:
            lag = max((lag_one(column[~np.isnan(column)]) for column in series.T), default=0.0)
        dependent = timed or lag is not None if decided is None else bool(decided)
        if not dependent:
            by_unit = self._by_class if units.kind == GROUP else self._by_unit
            return Blocks(self._bundles, self._bundles, units.kind, by_unit, groups=self._groups)
        number = number_of_stretches(memory(series, replicates=replicates), units.count)
        labels = _nearest(decided or [], number, timed)
        labels = units.stretches(number) if labels is None else labels
        return Blocks(labels, self._cells, units.kind, self._by_class, lag, self._groups)

    @property
    def _groups(self) -> Labels | None:
        return self.units.unit if self.units.kind == GROUP else None

    @cached_property
    def _by_unit(self) -> NDArray[np.intp]:
        return np.argsort(self.units.unit, kind="stable")

    @cached_property
    def _by_class(self) -> NDArray[np.intp]:
        return np.lexsort([self.units.unit, self.units.strata[self.units.unit]])

    @cached_property
    def _cells(self) -> Labels:
        return self.units.stretches(MAX_BLOCKS)

    @cached_property
    def _bundles(self) -> Labels:
        """Blocks of independent units, with equal shares of the classes."""
        strata = self.units.strata
        if strata.any():
            return stratified_blocks(strata)[self.units.unit]
        return stretches(np.arange(len(strata)), MAX_BLOCKS)[self.units.unit]


def influence(reduce: Callable[[Floats], Floats], values: Floats) -> Floats:
    """Influence of each sample on a function of several means.

    Its autocorrelation is the one that matters to the function's interval.

    Args:
        reduce: means `(resamplings, C)` → `(resamplings,)`.
        values: `(N, C)`; samples with a NaN are undefined.

    Returns:
        `(N,)`, Σ over columns of ∂reduce × (value − mean); the columns themselves, `(N, C)`, if
        the function is not differentiable.
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


def _nearest(decided: list[Labels], own: int, timed: bool) -> Labels | None:
    """The decided stretches nearest in number; None if the errors need stretches of their own."""
    if not decided:
        return None
    numbers = [int(labels.max()) + 1 for labels in decided]
    longer = MUCH_LONGER * own < numbers[0]
    shorter = timed and max(MUCH_LONGER * numbers[-1], MANY_BLOCKS) < own
    nearest = np.argmin(np.abs(np.log(np.array(numbers) / own)))
    return None if longer or shorter else decided[int(nearest)]


def stratified_blocks(classes: ArrayLike) -> Labels:
    """`(N,)` labels of at most 200 bundles in which each class has the same share."""
    of_sample = np.asarray(classes)
    labels = np.empty(len(of_sample), dtype=np.int64)
    for one in np.unique(of_sample):
        own = np.flatnonzero(of_sample == one)
        labels[own] = np.arange(len(own)) % min(MAX_BLOCKS, len(of_sample))
    return labels
