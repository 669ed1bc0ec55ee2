"""Autocorrelation of series of neighbouring samples."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 5
"""Correlation times over which the autocorrelation is summed (Sokal's automatic window)."""
MIN_LENGTH = 10
"""Samples that a series must have for its autocorrelation to be estimated."""


def correlation_time(series: Iterable[Floats]) -> float:
    """Integrated autocorrelation time in samples, at least 1, of several series of one quantity.

    ½ + Σ_k ρ(k), with ρ the mean autocorrelation of the series, summed up to the first lag of
    five times the sum so far. White noise has ½, and an AR(1) series with coefficient a has
    (1 + a) / (2 (1 − a)).

    Source: Sokal, "Monte Carlo methods in statistical mechanics", in Functional Integration,
    Plenum (1997), §3.
    """
    correlations = [_autocorrelation(values) for values in series if len(values) >= MIN_LENGTH]
    correlations = [rho for rho in correlations if not np.isnan(rho).any()]
    if not correlations:
        return 1.0
    shortest = min(map(len, correlations))
    rho = np.mean([values[:shortest] for values in correlations], axis=0)
    time = 0.5 + np.cumsum(rho[1:])
    enough = np.arange(1, shortest) >= WINDOW * time
    return max(1.0, float(time[np.argmax(enough)] if enough.any() else math.inf))


def lag_one(values: Floats) -> float:
    """Lag-one autocorrelation; 0 for constant values or fewer than `MIN_LENGTH`."""
    deviation = values - values.mean() if len(values) else values
    spread = float(deviation @ deviation)
    if len(values) < MIN_LENGTH or spread <= 1e-24 * float(np.square(values).sum()):
        return 0.0
    return float(deviation[1:] @ deviation[:-1]) / spread


def means_by_label(values: Floats, labels: NDArray[np.int64], count: int) -> Floats:
    """Means `(count,)` of the `(N,)` values of each label, ignoring NaN; NaN without a value."""
    defined = ~np.isnan(values)
    counts = np.bincount(labels[defined], minlength=count)
    with np.errstate(invalid="ignore"):
        return np.bincount(labels[defined], values[defined], minlength=count) / counts


def _autocorrelation(values: Floats) -> Floats:
    deviation = values - values.mean()
    spectrum = np.abs(np.fft.rfft(deviation, 2 * len(values))) ** 2
    covariance = np.fft.irfft(spectrum)[: len(values)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance / covariance[0]
