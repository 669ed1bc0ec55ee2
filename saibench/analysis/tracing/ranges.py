"""The error by range of a feature, with the samples of each range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, block_bootstraps
from saibench.analysis.tracing.records import Range
from saibench.analysis.tracing.wrong_shares import bounded, wrong_shares

NUM_RANGES = 5


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
    inside = member[:, None] == np.arange(member.max() + 1)
    count = inside.shape[1]
    columns = np.hstack([inside * errors[:, None], inside])

    sizes = inside.mean(axis=0)

    def statistic(values: Floats, weights: Floats) -> Floats:
        total = weights @ values
        with np.errstate(invalid="ignore", divide="ignore"):
            means = total[:, :count] / total[:, count:]
            contributed = means * sizes  # the size of a range is not resampled
            return np.hstack([means, contributed / contributed.sum(axis=1, keepdims=True)])

    found = block_bootstraps(columns, blocks, statistic, of_means=True)
    if share:
        wrong = wrong_shares(errors, inside, blocks, independent)
        found = bounded(found, [*(one.mean for one in wrong), *(one.share for one in wrong)])
    ranges = []
    for number in range(count):
        own = np.flatnonzero(inside[:, number])
        own = own[np.argsort(-errors[own], kind="stable")]
        ranges.append(
            Range(
                low=float(feature[own].min()),
                high=float(feature[own].max()),
                mean=found[number],
                share=found[count + number],
                sample_ids=tuple(int(one) for one in sample_ids[own]),
            )
        )
    return tuple(ranges)


def range_of(feature: Floats) -> NDArray[np.int64]:
    """Number of each sample's range, `(samples,)`, ascending; equal values are in one range."""
    distinct, place = np.unique(feature, return_inverse=True)
    if len(distinct) <= NUM_RANGES:
        return place.astype(np.int64)
    fifth = rank_bins(feature, NUM_RANGES)
    return np.unique(fifth, return_inverse=True)[1].astype(np.int64)


def rank_bins(values: Floats, num_bins: int) -> NDArray[np.int64]:
    """Bin of each value, `(samples,)`: bins of equal count, equal values in one bin."""
    return np.searchsorted(np.sort(values), values, side="left") * num_bins // len(values)
