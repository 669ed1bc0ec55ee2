"""An error's mean and local spread as functions of features, in the data and beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.conformal import block_weights
from saibench.analysis.trusted_range.curves import (
    Curve,
    Kind,
    estimate_directions,
    fit_curve,
    floats,
)

KINDS: tuple[Kind, ...] = ("monotone", "quadratic")
FOLDS = 5
MIN_SPREAD = 0.2
"""Lower limit of the local spread, as a share of the mean spread."""
EDGE_BLOCKS = 3
"""Fitted blocks that must reach each edge of the fitted range; fewer if there are few blocks."""
PROFILE = 41
"""Positions across a feature's range at which slopes are computed."""


@dataclass(frozen=True)
class ErrorModel:
    """Centre, margin and spread of an error, fitted to blocks that are not used for calibration.

    The bound of an error is `centre + margin + q · spread`; q comes from calibration.

    Inside the fitted range of every feature the centre is the fitted mean and the margin is 0.
    Outside, features are clipped to the edge. Per unit of distance from it the centre grows as the
    mean did over the outer quarter of the range (if it grew), and the margin by the steepest
    change of mean and spread over any tenth of the range, or at least by the mean spread per
    width of the range. So neither error nor uncertainty is smaller than at the edge. The bound
    holds there if the error changes no faster outside than inside, which no data can guarantee.

    Args:
        mean: expected error.
        spread: expected |error − mean|, from cross-validated residuals.
        least_spread: lower limit of the spread.
        low, high: fitted range of each feature, reached by several of the fitted blocks.
        typical: the median of each feature.
        trend_low, trend_high: growth of the centre per unit below `low` and above `high`.
        widening: growth of the margin per unit outside.
        cross_validation: mean squared error of each kind of mean on held-out blocks.
    """

    mean: Curve
    spread: Curve
    least_spread: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    typical: tuple[float, ...]
    trend_low: tuple[float, ...]
    trend_high: tuple[float, ...]
    widening: tuple[float, ...]
    cross_validation: dict[Kind, float]

    def __post_init__(self) -> None:
        parts = (self.high, self.typical, self.trend_low, self.trend_high, self.widening)
        if not self.low or any(len(part) != len(self.low) for part in parts):
            raise ValueError("the model's parts are of different numbers of features")
        if self.least_spread <= 0 or min(self.widening) < 0:
            raise ValueError("the model's band does not widen")
        if min(*self.trend_low, *self.trend_high) < 0 or (np.array(self.low) > self.high).any():
            raise ValueError("the model's range or trend is reversed")

    def centre(self, features: Floats) -> Floats:
        """Expected error, not below 0: `(samples,)` at features `(samples, features)`."""
        below, above = self._distances(features)
        fitted = np.maximum(self.mean(self._at_edge(features)), 0.0)
        return fitted + below @ np.array(self.trend_low) + above @ np.array(self.trend_high)

    def margin(self, features: Floats) -> Floats:
        """Addition to the bound outside the fitted range, 0 inside."""
        below, above = self._distances(features)
        return (below + above) @ np.array(self.widening)

    def local_spread(self, features: Floats) -> Floats:
        return np.maximum(self.spread(self._at_edge(features)), self.least_spread)

    def inside(self, features: Floats) -> NDArray[np.bool_]:
        """Whether every feature is in its fitted range."""
        return np.all((features >= self.low) & (features <= self.high), axis=1)

    def scores(self, features: Floats, errors: Floats) -> Floats:
        """Errors above centre and margin, in units of the local spread."""
        above = errors - self.centre(features) - self.margin(features)
        return above / self.local_spread(features)

    def bound(self, features: Floats, quantile: float) -> Floats:
        """Upper bound of the error, `(samples,)`, not below 0."""
        bound = self.centre(features) + self.margin(features)
        return np.maximum(bound + quantile * self.local_spread(features), 0.0)

    def _at_edge(self, features: Floats) -> Floats:
        return np.clip(features, self.low, self.high)

    def _distances(self, features: Floats) -> tuple[Floats, Floats]:
        return np.maximum(self.low - features, 0.0), np.maximum(features - self.high, 0.0)


def fit_error_model(
    features: Floats, errors: Floats, blocks: NDArray, *, kind: Kind | None = None
) -> ErrorModel:
    """Fit mean and spread; all blocks have the same weight.

    Args:
        features: `(samples, features)`.
        errors: `(samples,)`, not negative.
        blocks: a label for each sample; at least two.
        kind: of the mean; by default monotone, unless a quadratic mean predicts held-out blocks
            better by more than a standard error.
    """
    weights = block_weights(blocks)
    directions = estimate_directions(features, errors, weights)
    fold_of = block_folds(blocks, FOLDS, seed=0)
    tried = KINDS if kind is None else (kind,)
    residuals = {
        name: _held_out_residuals(name, features, errors, weights, fold_of, directions)
        for name in tried
    }
    squared = {name: float(weights @ residuals[name] ** 2) for name in tried}
    chosen = _chosen(residuals, blocks, weights)
    size = np.abs(residuals[chosen])
    mean = fit_curve(chosen, features, errors, weights, directions)
    spread = fit_curve(chosen, features, size, weights, directions)
    average = float(weights @ size)
    least = MIN_SPREAD * average if average > 0 else 1.0  # all residuals are 0
    low, high = _reached(features, blocks)
    typical = np.clip(np.median(features, axis=0), low, high)
    slopes = [
        _slopes(mean, spread, least, low, high, typical, column) for column in range(len(low))
    ]
    trend_low, trend_high, widening = zip(*slopes, strict=True)
    return ErrorModel(
        mean=mean,
        spread=spread,
        least_spread=least,
        low=floats(low),
        high=floats(high),
        typical=floats(typical),
        trend_low=trend_low,
        trend_high=trend_high,
        widening=tuple(
            max(slope, average / width if width > 0 else average)
            for slope, width in zip(widening, high - low, strict=True)
        ),
        cross_validation=squared,
    )


def block_folds(blocks: NDArray, folds: int, seed: int) -> NDArray[np.int64]:
    """A random fold for each sample, whole blocks together, `(samples,)`."""
    labels, block_of = np.unique(blocks, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(labels)) % min(folds, len(labels))
    return fold[block_of]


def _chosen(residuals: dict[Kind, Floats], blocks: NDArray, weights: Floats) -> Kind:
    if "quadratic" not in residuals or "monotone" not in residuals:
        return next(iter(residuals))
    gain = weights * (residuals["monotone"] ** 2 - residuals["quadratic"] ** 2)
    by_block = np.bincount(np.unique(blocks, return_inverse=True)[1], gain)
    error = by_block.std(ddof=1) * math.sqrt(len(by_block))
    return "quadratic" if by_block.sum() > error else "monotone"


def _reached(features: Floats, blocks: NDArray) -> tuple[Floats, Floats]:
    """The range that several blocks reach; beyond it the fit would depend on single blocks."""
    labels, block_of = np.unique(blocks, return_inverse=True)
    lowest = np.full((len(labels), features.shape[1]), np.inf)
    highest = -lowest
    np.minimum.at(lowest, block_of, features)
    np.maximum.at(highest, block_of, features)
    several = min(EDGE_BLOCKS, 1 + len(labels) // 10)
    return np.sort(lowest, axis=0)[several - 1], np.sort(highest, axis=0)[-several]


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


def _slopes(
    mean: Curve,
    spread: Curve,
    least_spread: float,
    low: Floats,
    high: Floats,
    typical: Floats,
    column: int,
) -> tuple[float, float, float]:
    """Outward growth below and above the range, and the steepest change, along one feature."""
    width = float(high[column] - low[column])
    if width == 0:
        return 0.0, 0.0, 0.0
    line = np.tile(typical, (PROFILE, 1))
    line[:, column] = np.linspace(low[column], high[column], PROFILE)
    means = np.maximum(mean(line), 0.0)
    quarter, tenth = PROFILE // 4, math.ceil(PROFILE / 10) - 1
    outer = width * quarter / (PROFILE - 1)
    below = max(0.0, float(means[0] - means[quarter]) / outer)
    above = max(0.0, float(means[-1] - means[-1 - quarter]) / outer)
    known = means + np.maximum(spread(line), least_spread)
    change = np.abs(known[tenth:] - known[:-tenth]) * (PROFILE - 1) / (tenth * width)
    return below, above, float(change.max())
