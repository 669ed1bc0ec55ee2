"""Mean errors of regions along a feature, their covariance by block, and the trend over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.proportions import MIN_BLOCKS
from saibench.analysis.region_trend.trend import MIN_REGIONS, Trend, fit_trend
from saibench.analysis.trusted_range.tolerance import lower_limit
from saibench.errors import UserError

MAX_REGIONS = 8
MIN_SAMPLES = 10
"""Of each region."""
BEYOND = 0.25
"""Extrapolation beyond the data, as a fraction of their width."""
POSITIONS = 201
POOLED = 4.0
"""Weight of the variance of all regions, in blocks."""


class TooFewRegions(UserError):
    """The samples do not allow enough regions for a trend that can be checked."""


@dataclass(frozen=True)
class Region:
    """A part of the problem space that is tested separately.

    Args:
        low, high: smallest and largest value of the feature.
        position: its mean.
        error: mean error, with its interval from resampling blocks.
    """

    low: float
    high: float
    position: float
    error: Interval


@dataclass(frozen=True)
class LeftOut:
    """The last region, predicted from the others.

    Args:
        low, predicted, high: its mean error by the trend of the others, with the interval of a
            measurement from as many blocks.
        measured: its mean error.
    """

    low: float
    predicted: float
    high: float
    measured: float

    @property
    def holds(self) -> bool:
        """Whether the measured error is in the interval of the prediction."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True)
class RegionTrend:
    """The trend of the error over regions.

    Args:
        regions: in ascending order of the feature.
        trend: of all regions.
        left_out: the check on the last region.
        low, high: range of positions to which the trend is extrapolated.
    """

    regions: tuple[Region, ...]
    trend: Trend
    left_out: LeftOut
    low: float
    high: float

    def within(self, tolerance: float) -> tuple[float, float] | None:
        """Positions around the data's start at which the upper prediction limit is within it.

        Returns:
            the widest interval of positions from the first one that is, or None.
        """
        at = np.linspace(self.low, self.high, POSITIONS)
        under = self.trend.interval(at)[1] <= tolerance
        if not under.any():
            return None
        first = int(np.argmax(under))
        rest = np.flatnonzero(~under[first:])
        last = first + int(rest[0]) - 1 if len(rest) else POSITIONS - 1
        return float(at[first]), float(at[last])


def region_trend(feature: Floats, errors: Floats, samples: polars.DataFrame) -> RegionTrend:
    """Divide samples into regions of equal counts along a feature, and fit the trend.

    Blocks are those of the errors without a line in each region, since the trend itself is no
    correlation.

    Args:
        feature, errors: `(samples,)`, finite.
        samples: `sample_id` and the available `block_columns`, in the same order.

    Raises:
        TooFewRegions: fewer than five regions have samples from three blocks.
    """
    for number in range(min(MAX_REGIONS, len(errors) // MIN_SAMPLES), MIN_REGIONS, -1):
        region_of = _region_of(feature, number)
        if region_of.max() < MIN_REGIONS:
            break
        blocks = find_blocks(samples, _without_lines(feature, errors, region_of)).labels
        if min(_blocks_per_region(region_of, blocks)) >= MIN_BLOCKS:
            return trend_over(feature, errors, region_of, blocks)
    raise TooFewRegions(
        f"a trend needs {MIN_REGIONS + 1} regions of {MIN_SAMPLES} samples and {MIN_BLOCKS} "
        f"independent blocks each, which {len(errors):,} samples do not have. Test on more data."
    )


def trend_over(
    feature: Floats, errors: Floats, region_of: NDArray[np.int64], blocks: NDArray[np.int64]
) -> RegionTrend:
    """The trend over given regions.

    Args:
        feature, errors: `(samples,)`.
        region_of: `(samples,)` in 0 … R − 1, ascending with the feature, of three blocks each.
        blocks: `(samples,)` labels from 0.
    """
    regions = []
    for number in range(int(region_of.max()) + 1):
        own = region_of == number
        values = feature[own]
        error = block_bootstrap(errors[own], blocks[own])
        regions.append(
            Region(float(values.min()), float(values.max()), float(values.mean()), error)
        )
    positions = np.array([region.position for region in regions])
    means = np.array([region.error.estimate for region in regions])
    covariance = _covariance(errors, region_of, blocks)
    others = region_of < region_of.max()
    without_last = _covariance(errors[others], region_of[others], blocks[others])
    low, high = float(feature.min()), float(feature.max())
    reach = BEYOND * (high - low)
    return RegionTrend(
        regions=tuple(regions),
        trend=fit_trend(positions, means, covariance),
        left_out=_left_out(positions, means, covariance, without_last),
        low=lower_limit(low, reach),
        high=high + reach,
    )


def _left_out(
    positions: Floats, means: Floats, covariance: Floats, without_last: Floats
) -> LeftOut:
    """What the trend of all regions but the last predicts for it.

    Args:
        covariance: of all means.
        without_last: of the others, estimated without the last region.
    """
    trend = fit_trend(positions[:-1], means[:-1], without_last)
    last = positions[-1:]
    low, high = trend.interval(last, float(covariance[-1, -1]))
    return LeftOut(float(low[0]), float(trend.mean(last)[0]), float(high[0]), float(means[-1]))


def _region_of(feature: Floats, number: int) -> NDArray[np.int64]:
    """Regions of equal counts, `(samples,)`; equal values are in one region."""
    edges = np.unique(np.quantile(feature, np.arange(1, number) / number, method="higher"))
    found = np.searchsorted(edges, feature, side="right")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _without_lines(feature: Floats, errors: Floats, region_of: NDArray[np.int64]) -> Floats:
    residuals = np.empty_like(errors)
    for number in range(int(region_of.max()) + 1):
        own = region_of == number
        moved = feature[own] - feature[own].mean()
        varies = float(moved @ moved)
        slope = float(moved @ errors[own]) / varies if varies else 0.0
        residuals[own] = errors[own] - errors[own].mean() - slope * moved
    return residuals


def _blocks_per_region(region_of: NDArray[np.int64], blocks: NDArray[np.int64]) -> list[int]:
    return [len(np.unique(blocks[region_of == number])) for number in range(region_of.max() + 1)]


def _covariance(errors: Floats, region_of: NDArray[np.int64], blocks: NDArray[np.int64]) -> Floats:
    """Covariance of the regions' means from the sums over blocks, `(regions, regions)`.

    Each mean's variance is that of its own blocks, with the factor B/(B − 1). Few blocks know it
    badly, so it is averaged with that of all regions, which is taken to be proportional to the
    squared mean and to 1/B and counts like `POOLED` blocks.
    """
    number, count = int(region_of.max()) + 1, int(blocks.max()) + 1
    cell = region_of * count + blocks
    sums, counts = (
        np.bincount(cell, values, number * count).reshape(number, count)
        for values in (errors, np.ones_like(errors))
    )
    total = counts.sum(axis=1)
    means = sums.sum(axis=1) / total
    moved = (sums - counts * means[:, None]) / total[:, None]
    freedom = np.count_nonzero(counts, axis=1) - 1.0
    moved *= np.sqrt((freedom + 1) / freedom)[:, None]
    covariance = moved @ moved.T
    own = np.diag(covariance)
    size = np.square(means) / (freedom + 1)
    pooled = size * float(freedom @ (own / np.where(size > 0, size, 1.0)) / freedom.sum())
    averaged = (POOLED * pooled + freedom * own) / (POOLED + freedom)
    known = own > 0
    scale = np.sqrt(np.where(known, averaged / np.where(known, own, 1.0), 0.0))
    least = float(averaged[averaged > 0].min(initial=np.inf))
    extra = np.where(known, 0.0, averaged if np.isinf(least) else np.maximum(averaged, least))
    found = covariance * np.outer(scale, scale) + np.diag(extra)
    return found if np.isfinite(least) else found + np.eye(number)
