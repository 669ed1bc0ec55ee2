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

Of a study's samples both are decided once for all numbers, from the errors that matter most
(`saibench.evidence.dependence`), so that neighbouring numbers have the same blocks. Only errors
that remember far longer, as those of a model that drifts, have longer stretches of their own; and
of a time series those that surely remember far shorter, as paired differences do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
"""More stretches than this tell the memory of a time series well, so that errors of a much shorter
one than those that decide for all have their own."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of N samples.

    Args:
        labels: `(N,)` in 0 … B − 1.
        cells: `(N,)` in 0 … C − 1, at most 200 bundles of neighbours, the same for all errors of
            these samples; blocks consist of them, as far as whole cells fit.
        kind: of what is independent: time, group or sample.
        order: `(N,)` rows in the order in which neighbours may resemble each other.
        contradiction: lag-one autocorrelation of the errors where these, or those that decide for
            the study, contradict the declared independence, else None.
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
    return [name for name in MARKS if name in rows.columns]


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
    units = units_of(samples)
    series = units.series(values)
    groups = units.unit if units.kind == GROUP else None
    order = np.lexsort([units.unit, units.strata[units.unit]])
    decided = stretches_of(samples)
    if decided is None:
        told = None if units.kind == TIME else contradiction(series, replicates=replicates)
        dependent = units.kind == TIME or told is not None
    else:
        dependent = bool(decided)
        told = _largest(series) if dependent and units.kind != TIME else None
    if not dependent:
        bundles = stretches(np.arange(units.count), MAX_BLOCKS)
        cells = stratified_blocks(units.strata) if units.strata.any() else bundles
        every = order if units.kind == GROUP else np.argsort(units.unit, kind="stable")
        return Blocks(cells[units.unit], cells[units.unit], units.kind, every, groups=groups)
    own = number_of_stretches(memory(series, replicates=replicates), units.count)
    labels = _nearest(decided or [], own, units.kind == TIME)
    labels = units.stretches(own) if labels is None else labels
    return Blocks(labels, units.stretches(MAX_BLOCKS), units.kind, order, told, groups)


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


def _nearest(decided: list[Labels], own: int, timed: bool) -> Labels | None:
    """Of the stretches decided for all the nearest in number; None if the errors' own are taken."""
    if not decided:
        return None
    numbers = [int(labels.max()) + 1 for labels in decided]
    longer = MUCH_LONGER * own < numbers[0]
    shorter = timed and max(MUCH_LONGER * numbers[-1], MANY_BLOCKS) < own
    nearest = np.argmin(np.abs(np.log(np.array(numbers) / own)))
    return None if longer or shorter else decided[int(nearest)]


def _largest(series: Floats) -> float:
    return max((lag_one(column[~np.isnan(column)]) for column in series.T), default=0.0)


def stratified_blocks(classes: ArrayLike) -> Labels:
    """`(N,)` labels of at most 200 bundles, to which the samples of each class are dealt in turn.

    The classes' shares are chosen, not found (as those of a test set), so all bundles have the
    same.
    """
    of_sample = np.asarray(classes)
    labels = np.empty(len(of_sample), dtype=np.int64)
    for one in np.unique(of_sample):
        own = np.flatnonzero(of_sample == one)
        labels[own] = np.arange(len(own)) % min(MAX_BLOCKS, len(of_sample))
    return labels
