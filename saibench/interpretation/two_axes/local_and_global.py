"""How much of a change of the squared error is local, and how much a global amplitude.

Two models are tested on the same samples, which fall into regions (stretches of time, or bins of a
feature). In region r of n samples the worse one has the mean squared error A(r), the better one
B(r), and signed means a(r) and b(r).

- **Amplitude**: log α² is the typical value of log A(r) / B(r): Tukey's biweight mean over regions,
  weighed by n, which starts from the median and passes over regions that are far from most. A model
  whose errors are those of the other times one factor has it everywhere.
- **Global part** of the change: (α² − 1) Σ n B / Σ n (A − B).
- **Local part**: what is left, Σ n (A − α² B) / Σ n (A − B): what only some regions err more. It is
  the sum of a **signed** part, Σ n (a² − α² b²) / Σ n (A − B), bias that holds its sign through a
  region, and of **scatter** about the region's mean.

The parts sum to 1. Chance in the means of regions, which adds the variance of a mean to a² and b²,
is scaled by α² like all else and cancels. An effect on more than half of the regions is global by
this definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.interpretation.bootstrap import Floats, Interval, block_bootstraps

REACH = 3.0
"""Robust standard deviations beyond which a region counts nothing."""
STEPS = 8
SUMS = 5
"""n, Σ e² and Σ e of the worse model, Σ e² and Σ e of the better one."""


@dataclass(frozen=True)
class Change:
    """What becomes of the error along one axis, over all pairs of models that differ in it alone.

    Args:
        worse, better: root mean squared error of either end.
        mean_square: change of the mean squared error.
        amplitude: α, root of the mean over pairs of α².
        local: share of the change.
        signed: part of `local` that is bias within regions.
        global_share: 1 − local.
        num_pairs: pairs of models.
        num_regions: regions that hold samples.
    """

    worse: Interval
    better: Interval
    mean_square: Interval
    amplitude: Interval
    local: Interval
    signed: Interval
    global_share: Interval
    num_pairs: int
    num_regions: int

    @property
    def is_change(self) -> bool:
        """Whether there is anything to be parted: the worse end is worse beyond doubt."""
        return self.mean_square.low > 0


@dataclass(frozen=True, eq=False)
class PairErrors:
    """Signed errors `(N,)` of two models of the same N samples."""

    worse: Floats
    better: Floats


def changes(
    axes: Sequence[Sequence[PairErrors]], regions: NDArray[np.int64], blocks: NDArray[np.int64]
) -> tuple[list[Change], list[list[Interval]]]:
    """The change along each axis, all from the same resampled blocks.

    Args:
        axes: the pairs of each axis, one at least.
        regions: `(N,)` labels.
        blocks: `(N,)` labels; where regions are blocks of time, the same.

    Returns:
        the changes, and as `[first][second]` the difference of their local shares.
    """
    region = np.unique(regions, return_inverse=True)[1]
    block = np.unique(blocks, return_inverse=True)[1]
    counts = [len(pairs) for pairs in axes]
    tables = np.stack(
        [_sums(pair, region, block) for pairs in axes for pair in pairs], axis=1
    )  # (blocks, pairs, regions, SUMS)
    shape = tables.shape[1:]

    def statistic(values: Floats, weights: Floats) -> Floats:
        totals = (weights @ values).reshape(len(weights), *shape)
        found, first = [], 0
        for count in counts:
            found.append(_numbers(totals[:, first : first + count]))
            first += count
        local = [numbers[:, 4] for numbers in found]
        apart = [one - other for one in local for other in local]
        return np.hstack([*found, np.stack(apart, axis=1)])

    flat = tables.reshape(len(tables), -1)
    intervals = block_bootstraps(flat, np.arange(len(flat)), statistic, of_means=True)
    num_samples = len(regions)
    intervals = [
        Interval(one.low, one.estimate, one.high, one.num_blocks, num_samples) for one in intervals
    ]
    size, num_regions = 7, int(region.max() + 1)
    parted = []
    for number, count in enumerate(counts):
        worse, better, square, amplitude, local, signed, whole = intervals[
            size * number : size * (number + 1)
        ]
        parted.append(
            Change(worse, better, square, amplitude, local, signed, whole, count, num_regions)
        )
    rest = intervals[size * len(counts) :]
    apart = [rest[len(counts) * n : len(counts) * (n + 1)] for n in range(len(counts))]
    return parted, apart


def region_ratios(pairs: Sequence[PairErrors], regions: NDArray[np.int64]) -> Floats:
    """Root mean square of the worse models over that of the better ones, `(regions,)` ascending."""
    region = np.unique(regions, return_inverse=True)[1]
    worse, better = (
        sum(np.bincount(region, getattr(pair, end) ** 2) for pair in pairs)
        for end in ("worse", "better")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(worse / better), dtype=np.float64)


def _sums(pair: PairErrors, region: NDArray[np.intp], block: NDArray[np.intp]) -> Floats:
    """`(blocks, regions, SUMS)`."""
    shape = int(block.max() + 1), int(region.max() + 1)
    cell = block * shape[1] + region
    columns = [np.ones(len(cell))]
    for errors in (pair.worse, pair.better):
        columns += [errors**2, errors]
    return np.stack(
        [np.bincount(cell, column, shape[0] * shape[1]).reshape(shape) for column in columns],
        axis=2,
    )


def _numbers(totals: Floats) -> Floats:
    """`(resamplings, 7)` numbers of `Change` from `(resamplings, pairs, regions, SUMS)`."""
    count, worse, of_worse, better, of_better = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        squared = _typical_ratio(worse, better, count)  # (resamplings, pairs)
        extra = (worse - squared[:, :, None] * better).sum(axis=(1, 2))
        signed = of_worse**2 / count - squared[:, :, None] * of_better**2 / count
        signed = np.nan_to_num(signed).sum(axis=(1, 2))
        whole = count.sum(axis=(1, 2))
        change = (worse - better).sum(axis=(1, 2))
        means = [np.sqrt(end.sum(axis=(1, 2)) / whole) for end in (worse, better)]
        return np.stack(
            [
                *means,
                change / whole,
                np.sqrt(squared.mean(axis=1)),
                extra / change,
                signed / change,
                1 - extra / change,
            ],
            axis=1,
        )


def _typical_ratio(worse: Floats, better: Floats, weights: Floats) -> Floats:
    """Tukey's biweight mean of the log ratio over the last axis, as a ratio.

    Regions of no weight, or without an error, count nothing. Where most ratios are equal, so that
    they have no spread, it is their median.

    Source: Mosteller and Tukey, Data Analysis and Regression (1977), §10.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(worse / better)
    weights = np.where(np.isfinite(logs), weights, 0.0)
    logs = np.where(np.isfinite(logs), logs, 0.0)
    typical = _weighted_median(logs, weights)
    spread = _weighted_median(np.abs(logs - typical[..., None]), weights) / 0.6745
    reach = np.where(spread > 0, REACH * spread, np.inf)[..., None]
    for _ in range(STEPS):
        far = (logs - typical[..., None]) / reach
        near = weights * np.where(np.abs(far) < 1, (1 - far**2) ** 2, 0.0)
        moved = (near * logs).sum(axis=-1) / near.sum(axis=-1)
        typical = np.where(spread > 0, moved, typical)
    return np.exp(typical)


def _weighted_median(values: Floats, weights: Floats) -> Floats:
    """Over the last axis."""
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1)
    half = reached[..., -1:] / 2
    at = np.argmax(reached >= half - 1e-12, axis=-1)[..., None]
    after = np.minimum(np.argmax(reached > half + 1e-12, axis=-1)[..., None], values.shape[-1] - 1)
    middle = [np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in (at, after)]
    return np.asarray(0.5 * (middle[0] + middle[1]), dtype=np.float64)
