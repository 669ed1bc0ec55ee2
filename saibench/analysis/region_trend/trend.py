"""The trend of a mean error over regions, and its prediction for further regions.

Region r at position x has the measured mean y = m(x) + u + e with m(x) = a + b (x − x̄) or its
exponential. The sampling error e has the covariance of the blocks; u is what distinguishes regions
beyond the trend, of variance τ² m(x)². The fit is weighted by 1/(variance of e and u), τ² is that
of the method of moments, and the variance of the coefficients, which also covers correlated e, is
scaled by the residuals if these are larger. Predictions have Student's t of (regions − 2) degrees
of freedom.

The form of the trend beyond the data is not known. A form is used alone if it predicted each
region from those before it with less than half of the other's absolute error; else the interval
covers those of both.

Source: DerSimonian, Laird, Control. Clin. Trials 7 (1986), its extension to regressions in
Raudenbush, "Analyzing effect sizes: random-effects models" (2009), eq. 16.37; Knapp, Hartung,
"Improved tests for a random effects meta-regression with a single covariate", Stat. Med. 22 (2003);
Higgins, Thompson, Spiegelhalter, "A re-evaluation of random-effects meta-analysis", J. R. Stat.
Soc. A 172 (2009), §4.2, on predictions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from saibench.analysis.bootstrap import LEVEL, Floats

Scale = Literal["linear", "exponential"]
SCALES: tuple[Scale, ...] = ("linear", "exponential")
MIN_REGIONS = 4
"""Fitted regions; Student's t of fewer makes predictions useless."""
FIRST_FITTED = 3
"""Regions from which the first of the others is predicted when scales are compared."""


MUCH_BETTER = 0.5
"""Ratio of absolute errors below which one form is used alone."""


@dataclass(frozen=True)
class Line:
    """A line through the means of regions, or through their logarithms if it is exponential.

    Args:
        scale: linear or exponential.
        centre: x̄, the weighted mean position.
        intercept: a, at the centre.
        slope: b, per unit of the position.
        covariance: of intercept and slope.
        scatter: τ, deviation between regions beyond the trend, relative to the mean.
        regions: number of fitted regions.
    """

    scale: Scale
    centre: float
    intercept: float
    slope: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    scatter: float
    regions: int

    def mean(self, positions: Floats) -> Floats:
        """The line, not below 0."""
        return self._value(self.intercept + self.slope * (np.asarray(positions) - self.centre))

    def interval(self, positions: Floats, sampling: float, level: float) -> tuple[Floats, Floats]:
        """Bounds of the mean error, see `Trend.interval`."""
        moved = np.asarray(positions, np.float64) - self.centre
        line = self.intercept + self.slope * moved
        (of_intercept, both), (_, of_slope) = self.covariance
        variance = of_intercept + 2 * both * moved + of_slope * moved**2
        if self.scale == "exponential":
            variance += self.scatter**2 + sampling / np.square(np.exp(line))
        else:
            variance += np.square(self.scatter * line) + sampling
        half = special.stdtrit(self.regions - 2, (1 + level) / 2) * np.sqrt(variance)
        return self._value(line - half), self._value(line + half)

    def _value(self, line: Floats) -> Floats:
        return np.exp(line) if self.scale == "exponential" else np.maximum(line, 0.0)


@dataclass(frozen=True)
class Trend:
    """The mean error as a function of the position: one line, or several that predict as well."""

    lines: tuple[Line, ...]

    @property
    def form(self) -> str:
        """`linear`, `exponential`, or both."""
        return " or ".join(line.scale for line in self.lines)

    def mean(self, positions: Floats) -> Floats:
        """The mean over the lines."""
        return np.mean([line.mean(positions) for line in self.lines], axis=0)

    def interval(
        self, positions: Floats, sampling: float = 0.0, level: float = LEVEL
    ) -> tuple[Floats, Floats]:
        """Bounds of the mean error of a further region at each position, not below 0.

        Args:
            positions: `(n,)`.
            sampling: variance of its measured mean, to be compared with it; 0 for its true mean.
        """
        bounds = [line.interval(positions, sampling, level) for line in self.lines]
        low, high = zip(*bounds, strict=True)
        return np.min(low, axis=0), np.max(high, axis=0)


def fit_trend(positions: Floats, means: Floats, covariance: Floats) -> Trend:
    """Fit the trend of the forms that predict best.

    Args:
        positions, means: `(regions,)`, positions ascending.
        covariance: `(regions, regions)` of the measured means, with a positive diagonal.
    """
    misses = {scale: _misses(positions, means, covariance, scale) for scale in SCALES}
    least = min(misses.values())
    kept = [scale for scale, miss in misses.items() if miss * MUCH_BETTER <= least]
    return Trend(tuple(fit_line(positions, means, covariance, scale) for scale in kept))


def fit_line(positions: Floats, means: Floats, covariance: Floats, scale: Scale) -> Line:
    """Fit one line; means are positive if it is exponential.

    Raises:
        ValueError: fewer than three regions, or all at the same position.
    """
    if len(positions) < FIRST_FITTED or np.ptp(positions) == 0:
        raise ValueError("a trend needs three regions at different positions")
    if scale == "exponential":
        covariance = covariance / np.outer(means, means)
        means = np.log(means)
    size = np.ones_like(means) if scale == "exponential" else np.abs(means)
    own = np.diag(covariance)
    scatter = _scatter(positions, means, covariance, size)
    weights = 1 / (own + scatter * size**2)
    centre = float(weights @ positions / weights.sum())
    design = np.stack([np.ones_like(positions), positions - centre], axis=1)
    inverse = np.linalg.inv(design.T @ (weights[:, None] * design))
    to_coefficients = inverse @ (design.T * weights)
    intercept, slope = to_coefficients @ means
    residuals = means - design @ np.array([intercept, slope])
    scaled = float(weights @ residuals**2) / (len(means) - 2)
    whole = covariance + np.diag(scatter * size**2)
    found = max(1.0, scaled) * (to_coefficients @ whole @ to_coefficients.T)
    return Line(
        scale=scale,
        centre=centre,
        intercept=float(intercept),
        slope=float(slope),
        covariance=(
            (float(found[0, 0]), float(found[0, 1])),
            (float(found[1, 0]), float(found[1, 1])),
        ),
        scatter=math.sqrt(scatter),
        regions=len(means),
    )


def _misses(positions: Floats, means: Floats, covariance: Floats, scale: Scale) -> float:
    """Sum of absolute errors of the prediction of each region from those before it."""
    if scale == "exponential" and (means <= 0).any():
        return math.inf
    found = 0.0
    for number in range(FIRST_FITTED, len(means)):
        before = slice(number)
        line = fit_line(positions[before], means[before], covariance[before, before], scale)
        found += abs(float(line.mean(positions[number])) - means[number])
    return found


def _scatter(positions: Floats, means: Floats, covariance: Floats, size: Floats) -> float:
    """τ² by the method of moments, not below 0."""
    weights = 1 / np.diag(covariance)
    design = np.stack([np.ones_like(positions), positions - positions.mean()], axis=1)
    weighted = weights[:, None] * design
    projected = np.diag(weights) - weighted @ np.linalg.inv(design.T @ weighted) @ weighted.T
    expected = float(np.sum(projected * covariance))
    per_scatter = float(np.diag(projected) @ size**2)
    found = float(means @ projected @ means) - expected
    return max(0.0, found / per_scatter) if per_scatter > 0 else 0.0
