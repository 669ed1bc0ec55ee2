"""The error by range of a feature, with the samples of each range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats, block_bootstraps
from saibench.analysis.tracing.records import Range
from saibench.analysis.tracing.wrong_shares import bounded, wrong_shares

NUM_RANGES = 5
MAX_IDS = 1000
"""Samples that a range lists."""


def feature_ranges(
    feature: Floats,
    errors: Floats,
    blocks: NDArray[np.int64],
    sample_ids: NDArray[np.int64],
    *,
    share: bool = False,
    independent: bool = False,
) -> tuple[Range, ...]:
    """Fifths of the samples by a feature, or one range per value of at most five values.

    Args:
        feature, errors, blocks, sample_ids: `(samples,)`; errors are not negative.
        share: whether errors are declared to be 0 or 1.
        independent: whether the samples within a block are independent.
    """
    member = range_of(feature)
    number = int(member.max()) + 1
    block_of, num_blocks = block_numbers(blocks)
    cell = block_of * number + member

    def summed(values: Floats | None = None) -> Floats:
        """Sums, or numbers of samples, `(blocks, ranges)`."""
        sums = np.bincount(cell, values, num_blocks * number).astype(np.float64)
        return sums.reshape(num_blocks, number)

    counts = summed()
    sizes = counts.sum(axis=0) / len(feature)

    def statistic(values: Floats, weights: Floats) -> Floats:
        total = weights @ values
        with np.errstate(invalid="ignore", divide="ignore"):
            means = total[:, :number] / total[:, number:]
            contributed = means * sizes  # the size of a range is not resampled
            return np.hstack([means, contributed / contributed.sum(axis=1, keepdims=True)])

    of_blocks = counts.sum(axis=1)
    columns = np.hstack([summed(errors), counts]) / of_blocks[:, None]
    by_block = block_bootstraps(
        columns, np.arange(num_blocks), statistic, weights=of_blocks, of_means=True
    )
    found = [replace(one, count=len(feature)) for one in by_block]
    if share:
        inside = member[:, None] == np.arange(number)
        wrong = wrong_shares(errors, inside, blocks, independent)
        found = bounded(found, [*(one.mean for one in wrong), *(one.share for one in wrong)])
    ranges = []
    for place in range(number):
        own = np.flatnonzero(member == place)
        ranges.append(
            Range(
                low=float(feature[own].min()),
                high=float(feature[own].max()),
                mean=found[place],
                share=found[number + place],
                sample_ids=tuple(sample_ids[own[_largest(errors[own], MAX_IDS)]].tolist()),
                count=len(own),
            )
        )
    return tuple(ranges)


def _largest(values: Floats, most: int) -> NDArray[np.intp]:
    """Places of the largest values, descending; of equal ones the first."""
    kept = np.arange(len(values))
    if len(values) > most:
        least = np.partition(values, len(values) - most)[len(values) - most]
        kept = np.flatnonzero(values >= least)
    return kept[np.argsort(-values[kept], kind="stable")][:most]


def range_of(feature: Floats) -> NDArray[np.int64]:
    """Number of each sample's range, `(samples,)`, ascending; equal values are in one range."""
    ascending = np.sort(feature)
    distinct = 1 + int((np.diff(ascending) > 0).sum())
    if distinct <= NUM_RANGES:
        return np.unique(feature, return_inverse=True)[1].astype(np.int64)
    return block_numbers(_rank_bins(feature, ascending, NUM_RANGES))[0].astype(np.int64)


def rank_bins(values: Floats, num_bins: int) -> NDArray[np.int64]:
    """Bin of each value, `(samples,)`: bins of equal count, equal values in one bin.

    It is ⌊r · bins / samples⌋, with r the number of smaller values.
    """
    return _rank_bins(values, np.sort(values), num_bins)


def _rank_bins(values: Floats, ascending: Floats, num_bins: int) -> NDArray[np.int64]:
    least = -(-np.arange(1, num_bins) * len(values) // num_bins)  # smallest r of each later bin
    return np.searchsorted(ascending[least - 1], values, side="left")
