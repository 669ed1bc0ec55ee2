"""A straight line through rain events, with its confidence band."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars
from numpy.typing import ArrayLike

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.sample_means import Reduce, interval_of_means

NUM_POSITIONS = 25
ROUNDING = 1e-12
"""Share of a mean square below which a variance is a rounding error."""


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Least squares of y on x, one pair per event.

    Args:
        slope: with its interval.
        r_squared: share of y's variance that the line explains, with its interval.
        x: `(positions,)`, from the smallest to the largest x.
        line: `(positions,)`, the fitted y.
        low, high: `(positions,)`, the 95 % band of the line.
    """

    slope: Interval
    r_squared: Interval
    x: Floats
    line: Floats
    low: Floats
    high: Floats


def linear_fit(x: ArrayLike, y: ArrayLike, events: polars.DataFrame) -> LinearFit:
    """Fit values `(E,)` of the rows of `events`; events with a NaN are excluded.

    If all events have the same x, the slope is NaN and there are no positions.
    """
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    defined = across[~np.isnan(across + up)]
    if not defined.size or np.ptp(defined) == 0:
        none = Interval(math.nan, math.nan, math.nan, 0, int(defined.size))
        return LinearFit(none, none, *(np.empty(0) for _ in range(4)))
    centre = defined.mean()  # squares of numbers far from 0 would lose digits
    moments = across - centre, up, (across - centre) ** 2, (across - centre) * up
    positions = np.linspace(defined.min(), defined.max(), NUM_POSITIONS)
    lines = [_line_at(position - centre) for position in positions]
    fitted = [interval_of_means(line, events, *moments) for line in lines]
    return LinearFit(
        slope=interval_of_means(_slope, events, *moments),
        r_squared=_squared(interval_of_means(_fisher_z, events, *moments, up**2)),
        x=positions,
        line=np.array([at.estimate for at in fitted]),
        low=np.array([at.low for at in fitted]),
        high=np.array([at.high for at in fitted]),
    )


def _slope(x: Floats, y: Floats, xx: Floats, xy: Floats) -> Floats:
    """NaN if a resampling holds a single event."""
    return (xy - x * y) / _variance(x, xx)


def _variance(mean: Floats, mean_square: Floats) -> Floats:
    found = mean_square - mean**2
    return np.where(found > ROUNDING * mean_square, found, np.nan)


def _line_at(position: float) -> Reduce:
    def line(x: Floats, y: Floats, xx: Floats, xy: Floats) -> Floats:
        return y + _slope(x, y, xx, xy) * (position - x)

    return line


def _fisher_z(x: Floats, y: Floats, xx: Floats, xy: Floats, yy: Floats) -> Floats:
    """artanh of Pearson's correlation, whose variance hardly depends on the correlation."""
    correlation = (xy - x * y) / np.sqrt(_variance(x, xx) * _variance(y, yy))
    return np.arctanh(np.clip(correlation, -1, 1))


def _squared(z: Interval) -> Interval:
    """R² with its interval, which contains 0 if that of the correlation does."""
    low, high = sorted((math.tanh(z.low) ** 2, math.tanh(z.high) ** 2))
    low = 0.0 if z.low <= 0 <= z.high else low
    return replace(z, low=low, estimate=math.tanh(z.estimate) ** 2, high=high)
