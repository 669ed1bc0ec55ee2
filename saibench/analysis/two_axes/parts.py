"""The numbers of a change of the error from sums over regions; see `local_and_global`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats

REACH = 3.0
"""Robust standard deviations beyond which a region counts nothing."""
STEPS = 8
NUMBERS = 7
"""Intervals of a `Change`."""
Swaps = tuple[NDArray[np.intp] | None, ...]
"""Of a trained setting, by axis: `(seeds, pairs)`, which pair stands in each pair's place if the
setting had that seed alone; None of an axis without it."""
SUMS = 5
"""n, Σ e² and Σ e of the worse model, Σ e² and Σ e of the better one."""


def numbers_of(totals: Sequence[Floats]) -> Floats:
    """`(resamplings, NUMBERS · axes + axes²)`: of each axis, then differences of local shares."""
    found = [_numbers(of_axis) for of_axis in totals]
    local = [numbers[:, 4] for numbers in found]
    apart = [one - other for one in local for other in local]
    return np.hstack([*found, np.stack(apart, axis=1)])


def numbers_by_seed(totals: Sequence[Floats], swaps: Swaps) -> Floats:
    """The numbers if a setting had one seed alone, a row each; totals `(pairs, regions, SUMS)`."""
    seeds = next(len(swap) for swap in swaps if swap is not None)
    return numbers_of(
        [
            np.tile(whole, (seeds, 1, 1, 1)) if swap is None else whole[swap]
            for whole, swap in zip(totals, swaps, strict=True)
        ]
    )


def _numbers(totals: Floats) -> Floats:
    """`(resamplings, NUMBERS)`, those of `Change` from `(resamplings, pairs, regions, SUMS)`."""
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
