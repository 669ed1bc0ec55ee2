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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval, block_bootstraps
from saibench.analysis.seeds import with_seeds
from saibench.analysis.two_axes.parts import (
    NUMBERS,
    Swaps,
    numbers_by_seed,
    numbers_of,
)


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
        trainings: the fewest seeds of a setting; None where none was trained.
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
    trainings: int | None = None

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
    axes: Sequence[Sequence[PairErrors]],
    regions: NDArray[np.int64],
    blocks: NDArray[np.int64],
    settings: Sequence[Swaps] = (),
) -> tuple[list[Change], list[list[Interval]]]:
    """The change along each axis, all from the same resampled blocks.

    Args:
        axes: the pairs of each axis, one at least.
        regions: `(N,)` labels.
        blocks: `(N,)` labels; where regions are blocks of time, the same.
        settings: those that were trained; where each has several seeds, intervals cover them.

    Returns:
        the changes, and as `[first][second]` the difference of their local shares.
    """
    region = np.unique(regions, return_inverse=True)[1]
    block = np.unique(blocks, return_inverse=True)[1]
    counts = [len(pairs) for pairs in axes]
    tables = np.stack(
        [_sums(pair, region, block) for pairs in axes for pair in pairs], axis=1
    )  # (blocks, pairs, regions, SUMS)
    shape, ends = tables.shape[1:], np.cumsum(counts)[:-1]

    def statistic(values: Floats, weights: Floats) -> Floats:
        totals = (weights @ values).reshape(len(weights), *shape)
        return numbers_of(np.split(totals, ends, axis=1))

    flat = tables.reshape(len(tables), -1)
    intervals = block_bootstraps(flat, np.arange(len(flat)), statistic)
    size, num_samples, num_regions = NUMBERS, len(regions), int(region.max() + 1)
    intervals = [replace(one, count=num_samples) for one in intervals]
    totals = np.split(tables.sum(axis=0), ends)
    of_seeds = [(swaps, numbers_by_seed(totals, swaps)) for swaps in settings]
    of_number = [[at] for at in range(len(counts)) for _ in range(size)]
    of_number += [[at, other] for at in range(len(counts)) for other in range(len(counts))]
    intervals = [
        with_seeds(
            one,
            [
                found[:, at].tolist()
                for swaps, found in of_seeds
                if any(swaps[n] is not None for n in own)
            ],
        )
        for at, (one, own) in enumerate(zip(intervals, of_number, strict=True))
    ]
    parted = []
    for number, count in enumerate(counts):
        worse, better, square, amplitude, local, signed, whole = intervals[
            size * number : size * (number + 1)
        ]
        seeds = [len(swap) for swaps in settings if (swap := swaps[number]) is not None]
        parted.append(
            Change(
                worse.within(0.0),
                better.within(0.0),
                square,
                amplitude.within(0.0),
                local,
                signed,
                whole,
                count,
                num_regions,
                min(seeds, default=None),
            )
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
