"""Error bars of statistics over samples that are not independent: bootstrap by block.

Neighbouring frames of a trajectory resemble each other, so resampling frames one by one would
promise far too much. Whole blocks (stretches of time, events) are resampled instead. One
resampling is a row of weights, how often each block was drawn; the weighted samples are the
resampled ones.

Source: Künsch, "The jackknife and the bootstrap for general stationary observations",
Ann. Statist. 17 (1989); with blocks that do not overlap, Carlstein, Ann. Statist. 14 (1986).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from saibench.interpretation.proportions import share_interval

NUM_BLOCKS = 20
NUM_RESAMPLES = 2000
LEVEL = 0.95
FEW_BLOCKS = 10
"""From so many blocks on intervals are percentiles; those of fewer cannot leave the blocks' own
range, which two or three of them span too seldom."""
MAX_WEIGHTS = 4_000_000
"""Weights held at once: 32 MB."""

Floats = NDArray[np.float64]
Statistic = Callable[[Floats, Floats], Floats]
"""(values `(samples, …)`, weights `(resamplings, samples)`) → one number a resampling."""


@dataclass(frozen=True)
class Interval:
    """A statistic with its confidence interval; NaN bounds if fewer than two blocks are left."""

    low: float
    estimate: float
    high: float
    num_blocks: int
    count: int
    """Samples on which the statistic is defined."""
    seeds: int = 1
    """Trainings of each setting that the interval covers; 1 where it is of these nets alone."""

    def within(self, low: float, high: float = math.inf) -> Interval:
        """The interval of a number that lies between two bounds, such as a correlation."""
        return replace(
            self, low=float(np.clip(self.low, low, high)), high=float(np.clip(self.high, low, high))
        )


def contiguous_blocks(order: ArrayLike, num_blocks: int = NUM_BLOCKS) -> NDArray[np.int64]:
    """A block label for each sample: equal, unbroken stretches in ascending `order` (time).

    A block must be several correlation times long. Of 964 samples of an AR(1) series in 20 blocks,
    95 % intervals cover the mean in 94 % of cases at a correlation time of 1.4 samples, 92 % at
    9.5 and 88 % at 20.

    Returns:
        int64 `(samples,)` in 0 … min(num_blocks, samples) - 1.
    """
    return stretches(np.argsort(np.asarray(order), kind="stable"), num_blocks)


def stretches(rows: NDArray[np.intp], number: int) -> NDArray[np.int64]:
    """Labels `(samples,)` of at most `number` equal stretches of rows that are given in order."""
    labels = np.empty(len(rows), dtype=np.int64)
    labels[rows] = np.arange(len(rows)) * min(number, len(rows)) // max(1, len(rows))
    return labels


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Σ w v / Σ w for each row of weights."""
    return weights @ values / weights.sum(axis=1)


def block_bootstrap(
    values: ArrayLike,
    blocks: ArrayLike,
    statistic: Statistic = weighted_mean,
    *,
    weights: ArrayLike | None = None,
    of_means: bool = False,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    level: float = LEVEL,
    share: bool = False,
    independent: bool = False,
) -> Interval:
    """Percentile interval of `statistic` when whole blocks are drawn with replacement.

    The percentiles are widened as Hesterberg (Am. Stat. 69, 2015, §5.2) shows, to those of
    Student's t at √(B/(B−1)), since B blocks vary less than what they were drawn from. Of fewer
    than 10 blocks the interval is Student's t times the standard deviation of the resamplings.

    Args:
        values: `(samples,)`, or `(samples, columns)` for statistics of several columns. Samples
            with a NaN are undefined: they carry no weight and do not count.
        blocks: a label for each sample, such as `contiguous_blocks(time)` or an event's number.
        statistic: a function of values and weights; `weighted_mean` or `spearman`.
        weights: of the samples, `(samples,)`; 1 if None.
        of_means: whether the statistic depends on weighted means alone, as `weighted_mean` does;
            then blocks stand for their samples, which is much faster.
        share: whether the values are declared to be 0 or 1, or are means of such. Their mean has
            the interval of `saibench.interpretation.proportions`.
        independent: whether the samples of a block are independent, which is then only a bundle.
    """
    if share and statistic is weighted_mean:
        whole = np.asarray(values, dtype=np.float64)
        weighed = np.ones(len(whole)) if weights is None else np.asarray(weights, np.float64)
        used = ~np.isnan(whole) & (weighed > 0)
        if used.any():
            kept = np.asarray(blocks)[used]
            return _of_share(whole[used], kept, weighed[used], independent, level)

    def single(values: Floats, weights: Floats) -> Floats:
        return statistic(values, weights)[:, None]

    found = block_bootstraps(
        values,
        blocks,
        single,
        weights=weights,
        of_means=of_means or statistic is weighted_mean,
        seed=seed,
        num_resamples=num_resamples,
        level=level,
    )
    if not found:
        return Interval(math.nan, math.nan, math.nan, 0, 0)
    positive = statistic is weighted_mean and np.nanmin(np.asarray(values, np.float64)) >= 0
    return found[0].within(0.0) if positive else found[0]


def _of_share(
    values: Floats, blocks: ArrayLike, weights: Floats, independent: bool, level: float
) -> Interval:
    """Weights are scaled to add up to the number of samples that they leave (Kish, 1965)."""
    weights = weights * (weights.sum() / np.square(weights).sum())
    _, block_of = np.unique(np.asarray(blocks), return_inverse=True)
    counts = np.bincount(block_of, weights).astype(np.float64)
    bounds = math.nan, math.nan
    if len(counts) > 1 or independent:
        sums = np.bincount(block_of, weights * values).astype(np.float64)
        bounds = share_interval(sums, counts, independent=independent, level=level)
    estimate = float(weights @ values / weights.sum())
    return Interval(bounds[0], estimate, bounds[1], len(counts), len(values))


def block_bootstraps(
    values: ArrayLike,
    blocks: ArrayLike,
    statistic: Statistic,
    *,
    weights: ArrayLike | None = None,
    of_means: bool = False,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
    level: float = LEVEL,
) -> list[Interval]:
    """Intervals of several numbers, `(resamplings, numbers)`, of which all see the same draws.

    Args are those of `block_bootstrap`. The list is empty if no sample is defined.
    """
    samples: Floats = np.asarray(values, dtype=np.float64)
    if not len(samples):
        return []
    base: Floats = np.ones(len(samples)) if weights is None else np.asarray(weights, np.float64)
    defined = ~np.isnan(samples.reshape(len(samples), -1)).any(axis=1) & (base > 0)
    samples, base = samples[defined], base[defined]
    count = len(samples)
    if not count:
        return []
    labels, block_of = np.unique(np.asarray(blocks)[defined], return_inverse=True)
    estimates = statistic(samples, base[None])[0]
    if of_means:
        samples, base, block_of = _merged(samples, base, block_of)
    draws = draw_blocks(len(labels), seed, num_resamples)
    rows = max(1, MAX_WEIGHTS // len(samples))
    resampled = np.concatenate(
        [
            statistic(samples, draws[start : start + rows, block_of] * base)
            for start in range(0, len(draws), rows)
        ]
    )
    return [
        percentile_interval(float(estimate), column, len(labels), count, level)
        for estimate, column in zip(estimates, resampled.T, strict=True)
    ]


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    blocks: ArrayLike,
    statistic: Statistic = weighted_mean,
    **options: object,
) -> Interval:
    """Interval of statistic(first) − statistic(second), two models on the same samples.

    Both see the same resampled blocks, so what a hard block adds to both cancels. Options are
    those of `block_bootstrap`.
    """

    def difference(values: Floats, weights: Floats) -> Floats:
        return statistic(values[:, 0], weights) - statistic(values[:, 1], weights)

    pairs = np.stack([np.asarray(first, float), np.asarray(second, float)], axis=1)
    return block_bootstrap(pairs, blocks, difference, **options)  # type: ignore[arg-type]


@lru_cache(maxsize=16)
def draw_blocks(num_blocks: int, seed: int, num_resamples: int = NUM_RESAMPLES) -> Floats:
    """How often each block is drawn: `(num_resamples, num_blocks)`, rows sum to num_blocks."""
    even = np.full(num_blocks, 1 / num_blocks)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(num_blocks, even, size=num_resamples).astype(np.float64)
    draws.flags.writeable = False  # shared by all statistics of as many blocks
    return draws


def _merged(
    values: Floats, weights: Floats, block_of: NDArray[np.intp]
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """One sample a block, its mean with its whole weight: all that a mean needs to know."""
    block_weights: Floats = np.bincount(block_of, weights).astype(np.float64)
    sums = np.zeros((len(block_weights), *values.shape[1:]))
    np.add.at(sums, block_of, (weights * values.T).T)
    block_means = (sums.T / block_weights).T
    return block_means, block_weights, np.arange(len(block_weights))


def percentile_interval(
    estimate: float, resampled: Floats, num_blocks: int, count: int, level: float = LEVEL
) -> Interval:
    """The interval of an estimate from its resamplings, as `block_bootstrap` takes it."""
    if num_blocks < 2 or not np.isfinite(resampled).any():  # no draw has the estimate
        return Interval(math.nan, estimate, math.nan, num_blocks, count)
    if num_blocks < FEW_BLOCKS:
        spread = float(np.std(resampled[np.isfinite(resampled)]))
        half = deviations(num_blocks, level) * spread
        return Interval(estimate - half, estimate, estimate + half, num_blocks, count)
    tail = percentile_tail(num_blocks, level)
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return Interval(float(low), estimate, float(high), num_blocks, count)


def deviations(num_blocks: int, level: float = LEVEL) -> float:
    """Standard deviations of the resamplings from the estimate to a bound, of few blocks."""
    student = stats.t.ppf((1 + level) / 2, num_blocks - 1)
    return float(student * math.sqrt(num_blocks / (num_blocks - 1)))


def percentile_tail(num_blocks: int, level: float = LEVEL) -> float:
    """The share of resamplings that is left out on either side, for at least two blocks."""
    student = stats.t.ppf((1 - level) / 2, num_blocks - 1)
    return float(stats.norm.cdf(student * math.sqrt(num_blocks / (num_blocks - 1))))
