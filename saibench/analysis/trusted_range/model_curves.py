"""The functions of features that an error model consists of, by its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.conformal import block_weights
from saibench.analysis.trusted_range.curves import Curve, Kind, fit_curve, fit_monotone
from saibench.analysis.trusted_range.directions import estimate_directions
from saibench.analysis.trusted_range.quantile_curve import (
    QuantileCurve,
    QuantileKind,
    fit_quantile_curve,
)

ModelKind = Kind | QuantileKind
KINDS: tuple[ModelKind, ...] = (*get_args(Kind), *get_args(QuantileKind))
FREE_KINDS: tuple[ModelKind, ...] = ("quadratic", "log-linear")
"""Rise or fall with a feature of unknown direction as the errors do, given the other features."""
FOLDS = 5
MIN_SPREAD = 0.2
"""Lower limit of the local spread, as a share of the mean spread."""
MAX_FITTED = 30_000
"""Samples that curves are fitted to. Of more, every k-th is used, from each block in proportion;
the ranges and the calibration use all."""


def thinned(blocks: NDArray, most: int) -> NDArray[np.intp] | slice:
    """Rows of about `most` samples: every k-th of each block, at least one; all if few enough."""
    every = -(-len(blocks) // most)
    if every <= 1:
        return slice(None)
    numbers, count = block_numbers(blocks)
    order = np.argsort(numbers.astype(np.min_scalar_type(count)), kind="stable")
    sizes = np.bincount(numbers, minlength=count)
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[place % every == 0]


@dataclass(frozen=True)
class Curves:
    """The functions of an `ErrorModel`, with the mean absolute residual.

    A rough fit of a quantile has no mean and no residual.
    """

    mean: Curve | None
    spread: Curve | None
    quantile: QuantileCurve | None
    least_spread: float
    average: float

    def base_and_spread(self, features: Floats) -> tuple[Floats, Floats]:
        """`(samples,)` each."""
        if self.quantile is None:
            assert self.mean is not None and self.spread is not None
            base, spread = np.maximum(self.mean(features), 0.0), self.spread(features)
        else:
            base = spread = self.quantile(features)
        return base, np.maximum(spread, self.least_spread)


def fit_curves(
    kind: ModelKind,
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    directions: Sequence[int],
    coverage: float,
    *,
    rough: bool = False,
) -> Curves:
    """The functions of the features.

    Args:
        directions: of a bound along each feature, 0 where unknown; see `curves`.
        rough: for a comparison of kinds: a mean's residuals are those of the fit itself, not
            cross-validated, and a quantile has no mean.
    """
    weights = block_weights(blocks)
    estimated = estimate_directions(features, errors, weights, directions)
    directions = directions if kind in FREE_KINDS else estimated
    if kind != "monotone" and kind != "quadratic":
        quantile = fit_quantile_curve(kind, features, errors, weights, directions, coverage)
        typical = float(weights @ quantile(features))
        least = MIN_SPREAD * typical if typical > 0 else 1.0  # all errors are 0
        if rough:
            return Curves(None, None, quantile, least, least)
        expected = fit_monotone(features, errors, weights, estimated)
        average = float(weights @ np.abs(errors - expected(features)))
        return Curves(expected, None, quantile, least, average or least)
    mean = fit_curve(kind, features, errors, weights, directions)
    if rough:
        residuals = errors - np.maximum(mean(features), 0.0)
    else:
        fold_of = block_folds(blocks, FOLDS, seed=0)
        residuals = _held_out_residuals(kind, features, errors, weights, fold_of, directions)
    size = np.abs(residuals)
    spread = fit_curve(kind, features, size, weights, directions)
    average = float(weights @ size)
    least = MIN_SPREAD * average if average > 0 else 1.0  # all residuals are 0
    return Curves(mean, spread, None, least, average)


def block_folds(blocks: NDArray, folds: int, seed: int) -> NDArray[np.int64]:
    """A random fold for each sample, whole blocks together, `(samples,)`."""
    block_of, count = block_numbers(blocks)
    fold = np.random.default_rng(seed).permutation(count) % min(folds, count)
    return fold[block_of]


def _held_out_residuals(
    kind: Kind,
    features: Floats,
    errors: Floats,
    weights: Floats,
    fold_of: NDArray[np.int64],
    directions: Sequence[int],
) -> Floats:
    residuals = np.empty(len(errors))
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        kept = ~held_out
        known = features[kept]
        curve = fit_curve(kind, known, errors[kept], weights[kept], directions)
        at_edge = np.clip(features[held_out], known.min(axis=0), known.max(axis=0))
        residuals[held_out] = errors[held_out] - np.maximum(curve(at_edge), 0.0)
    return residuals
