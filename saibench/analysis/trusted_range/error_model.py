"""An error's mean and upper limit as functions of features, in the data and beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.curves import Curve, floats
from saibench.analysis.trusted_range.directions import away_from_training
from saibench.analysis.trusted_range.edges import (
    OpenSide,
    block_ends,
    in_range,
    open_range,
    reached,
)
from saibench.analysis.trusted_range.model_curves import (
    MAX_FITTED,
    Curves,
    ModelKind,
    fit_curves,
    thinned,
)
from saibench.analysis.trusted_range.quantile_curve import QuantileCurve

PROFILE = 41
"""Positions across a feature's range at which slopes are computed."""


@dataclass(frozen=True)
class ErrorModel:
    """Base, margin and spread of an error, fitted to blocks that are not used for calibration.

    The bound of an error is `base + margin + q · spread`; q comes from calibration. Of a mean and
    its spread, the base is the mean. Of a conditional quantile, base and spread are the quantile,
    so that calibration multiplies it.

    Inside the fitted range of every feature the base is the fitted one and the margin is 0.
    Outside, features are clipped to the edge. Per unit of distance from it the base grows as the
    mean did over the outer quarter of the range (if it grew), and the margin by the steepest
    change of base and spread over any tenth of the range, or at least by the mean spread per
    width of the range. So neither error nor uncertainty is smaller than at the edge. The bound
    holds there if the error changes no faster outside than inside, which no data can guarantee.
    On an open side of a range, as of one nearer to training, the bound is that of the edge. Away
    from training base and spread never fall, so that the bound does not if q ≥ 0, or if it is a
    multiple of a conditional quantile.

    Args:
        mean: expected error.
        spread: expected |error − mean|, from cross-validated residuals; None with a quantile.
        least_spread: lower limit of the spread.
        low, high: fitted range of each feature, reached by several of the fitted blocks.
        typical: the median of each feature.
        trend_low, trend_high: growth of the base per unit below `low` and above `high`.
        widening: growth of the margin per unit outside.
        quantile: conditional quantile of the error; None with a spread.
        columns: the features that the curves use; empty for all. The others only widen the bound
            outside their range.
        open_sides: side of each feature's range that has no end; empty for none.
    """

    mean: Curve
    spread: Curve | None
    least_spread: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    typical: tuple[float, ...]
    trend_low: tuple[float, ...]
    trend_high: tuple[float, ...]
    widening: tuple[float, ...]
    quantile: QuantileCurve | None = None
    columns: tuple[int, ...] = ()
    open_sides: tuple[OpenSide, ...] = ()

    def __post_init__(self) -> None:
        parts = (self.high, self.typical, self.trend_low, self.trend_high, self.widening)
        if not self.low or any(len(part) != len(self.low) for part in parts):
            raise ValueError("the model's parts are of different numbers of features")
        if self.least_spread <= 0 or min(self.widening) < 0:
            raise ValueError("the model's band does not widen")
        if min(*self.trend_low, *self.trend_high) < 0 or (np.array(self.low) > self.high).any():
            raise ValueError("the model's range or trend is reversed")
        if (self.spread is None) == (self.quantile is None):
            raise ValueError("the model needs either a spread or a quantile")
        if not set(self.columns) <= set(range(len(self.low))):
            raise ValueError("the model uses a missing feature")
        if self.open_sides and len(self.open_sides) != len(self.low):
            raise ValueError("the open sides are of another number of features")

    @property
    def kind(self) -> ModelKind:
        return self.mean.kind if self.quantile is None else self.quantile.kind

    @property
    def weighted(self) -> frozenset[int]:
        """Columns of the features that the bound depends on within their range."""
        if self.quantile is not None:
            found = self.quantile.index.weighted
        else:
            assert self.spread is not None
            found = self.mean.weighted | self.spread.weighted
        return frozenset(self.columns[at] for at in found) if self.columns else found

    def centre(self, features: Floats) -> Floats:
        """Expected error, not below 0: `(samples,)` at features `(samples, features)`."""
        mean = np.maximum(self.mean(self._at_edge(features)), 0.0)
        rows, below, above = self._outside(features)
        mean[rows] += below @ np.array(self.trend_low) + above @ np.array(self.trend_high)
        return mean

    def base(self, features: Floats) -> Floats:
        """The bound without margin and spread, `(samples,)`."""
        return self._parts(features)[0]

    def margin(self, features: Floats) -> Floats:
        """Addition to the bound outside the fitted range, 0 inside."""
        return self._parts(features)[1]

    def local_spread(self, features: Floats) -> Floats:
        return self._parts(features)[2]

    def scores(self, features: Floats, errors: Floats) -> Floats:
        """Errors above base and margin, in units of the local spread."""
        base, margin, spread = self._parts(features)
        return (errors - base - margin) / spread

    def bound(self, features: Floats, quantile: float) -> Floats:
        """Upper bound of the error, `(samples,)`, not below 0."""
        return self.bounds(features, [quantile])[0]

    def bounds(self, features: Floats, quantiles: Sequence[float]) -> list[Floats]:
        """The bound at each quantile of the scores."""
        base, margin, spread = self._parts(features)
        least = base + margin
        return [np.maximum(least + quantile * spread, 0.0) for quantile in quantiles]

    def _parts(self, features: Floats) -> tuple[Floats, Floats, Floats]:
        """Base, margin and spread, `(samples,)` each; curves are evaluated once."""
        at_edge = self._at_edge(features)
        if self.quantile is None:
            assert self.spread is not None
            base, spread = np.maximum(self.mean(at_edge), 0.0), self.spread(at_edge)
        else:
            base = spread = self.quantile(at_edge)
        spread, margin = np.maximum(spread, self.least_spread), np.zeros(len(features))
        rows, below, above = self._outside(features)
        margin[rows] = below @ np.array(self.widening) + above @ np.array(self.widening)
        base[rows] += below @ np.array(self.trend_low) + above @ np.array(self.trend_high)
        return base, margin, spread

    def _at_edge(self, features: Floats) -> Floats:
        """The features that the curves use, in their fitted range."""
        if not self.columns:
            return np.clip(features, self.low, self.high)
        used = list(self.columns)
        return np.clip(features[:, used], np.array(self.low)[used], np.array(self.high)[used])

    def _outside(self, features: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
        """The rows outside the range, and their distances below and above it."""
        low, high = open_range(self.low, self.high, self.open_sides)
        rows = np.flatnonzero(~in_range(features, low, high))
        own = features[rows]
        return rows, np.maximum(low - own, 0.0), np.maximum(own - high, 0.0)


def fit_error_model(
    features: Floats,
    errors: Floats,
    blocks: NDArray,
    *,
    kind: ModelKind = "monotone",
    coverage: float = 0.9,
    columns: Sequence[int] = (),
    open_sides: Sequence[OpenSide] = (),
    reach: tuple[Floats, Floats] | None = None,
) -> ErrorModel:
    """Fit an error model; all blocks have the same weight.

    Args:
        features: `(samples, features)`.
        errors: `(samples,)`, not negative.
        blocks: a label for each sample; at least two.
        kind: a mean with a spread (monotone, quadratic) or a conditional quantile (isotonic,
            trees).
        coverage: level of the conditional quantile.
        columns: the features that predict the error; by default all.
        open_sides: of each feature, see `ErrorModel`.
        reach: range of the features; by default that of the samples.
    """
    used = tuple(columns) or tuple(range(features.shape[1]))
    rows = thinned(blocks, MAX_FITTED)
    known = features[rows][:, used]
    sides = [open_sides[column] for column in used] if open_sides else [""] * len(used)
    directions = away_from_training(sides)
    curves = fit_curves(kind, known, errors[rows], blocks[rows], directions, coverage)
    assert curves.mean is not None
    low, high = reached(*block_ends(features, blocks)) if reach is None else reach
    typical = np.clip(np.median(features[rows], axis=0), low, high)
    slopes = {
        column: _slopes(curves, low[list(used)], high[list(used)], typical[list(used)], at)
        for at, column in enumerate(used)
    }
    steady = (0.0, 0.0, 0.0)
    each = [slopes.get(column, steady) for column in range(features.shape[1])]
    trend_low, trend_high, widening = zip(*each, strict=True)
    return ErrorModel(
        mean=curves.mean,
        spread=curves.spread,
        least_spread=curves.least_spread,
        low=floats(low),
        high=floats(high),
        typical=floats(typical),
        trend_low=trend_low,
        trend_high=trend_high,
        widening=tuple(
            max(slope, curves.average / width if width > 0 else curves.average)
            for slope, width in zip(widening, high - low, strict=True)
        ),
        quantile=curves.quantile,
        columns=used if len(used) < features.shape[1] else (),
        open_sides=tuple(open_sides),
    )


def _slopes(
    curves: Curves, low: Floats, high: Floats, typical: Floats, column: int
) -> tuple[float, float, float]:
    """Outward growth below and above the range, and the steepest change, along one feature."""
    assert curves.mean is not None
    width = float(high[column] - low[column])
    if width == 0:
        return 0.0, 0.0, 0.0
    line = np.tile(typical, (PROFILE, 1))
    line[:, column] = np.linspace(low[column], high[column], PROFILE)
    means = np.maximum(curves.mean(line), 0.0)
    quarter, tenth = PROFILE // 4, math.ceil(PROFILE / 10) - 1
    outer = width * quarter / (PROFILE - 1)
    below = max(0.0, float(means[0] - means[quarter]) / outer)
    above = max(0.0, float(means[-1] - means[-1 - quarter]) / outer)
    base, spread = curves.base_and_spread(line)
    known = base + spread if curves.quantile is None else base
    change = np.abs(known[tenth:] - known[:-tenth]) * (PROFILE - 1) / (tenth * width)
    return below, above, float(change.max())
