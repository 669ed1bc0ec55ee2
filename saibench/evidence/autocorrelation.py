"""How long errors remember: autocorrelation of series of neighbouring samples."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 5
"""Correlation times over which the autocorrelation is summed (Sokal's automatic window)."""
SHORTEST = 10
"""Samples of a series below which it says nothing of its memory."""


def correlation_time(series: Iterable[Floats]) -> float:
    """Integrated autocorrelation time in samples, at least 1, of series of one kind.

    ½ + Σ_k ρ(k), with ρ the mean autocorrelation of the series, summed up to the first lag of
    five times the sum so far. White noise has ½, and an AR(1) series with memory a has
    (1 + a) / (2 (1 − a)).

    Source: Sokal, "Monte Carlo methods in statistical mechanics", in Functional Integration,
    Plenum (1997), §3.
    """
    correlations = [_autocorrelation(values) for values in series if len(values) >= SHORTEST]
    correlations = [rho for rho in correlations if not np.isnan(rho).any()]
    if not correlations:
        return 1.0
    shortest = min(map(len, correlations))
    rho = np.mean([values[:shortest] for values in correlations], axis=0)
    time = 0.5 + np.cumsum(rho[1:])
    enough = np.arange(1, shortest) >= WINDOW * time
    return max(1.0, float(time[np.argmax(enough)] if enough.any() else math.inf))


def lag_one(values: Floats) -> float:
    """Autocorrelation of neighbours; 0 where values are constant or fewer than `SHORTEST`."""
    deviation = values - values.mean() if len(values) else values
    spread = float(deviation @ deviation)
    if len(values) < SHORTEST or spread <= 1e-24 * float(np.square(values).sum()):
        return 0.0
    return float(deviation[1:] @ deviation[:-1]) / spread


def less_class_means(values: Floats, classes: NDArray[np.int64]) -> Floats:
    """What is left of `(N,)` values when each class's mean is taken off; NaN stay."""
    defined = ~np.isnan(values)
    found = np.full(len(values), np.nan)
    counts = np.bincount(classes[defined], minlength=classes.max(initial=0) + 1)
    sums = np.bincount(classes[defined], values[defined], minlength=len(counts))
    found[defined] = values[defined] - (sums / np.maximum(counts, 1))[classes[defined]]
    return found


def _autocorrelation(values: Floats) -> Floats:
    deviation = values - values.mean()
    spectrum = np.abs(np.fft.rfft(deviation, 2 * len(values))) ** 2
    covariance = np.fft.irfft(spectrum)[: len(values)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance / covariance[0]
