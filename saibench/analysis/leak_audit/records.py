"""Intervals and distances in the form of an audit's record."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Floats, Interval
from saibench.evidence.audit_record import Share

QUANTILES: Floats = np.linspace(0, 1, 101)


def share_of(interval: Interval) -> Share:
    return Share(interval.estimate, interval.low, interval.high, interval.count)


def quantiles(values: Floats) -> list[float]:
    """Quantiles of the finite values at `QUANTILES`; empty if there are none."""
    finite = values[np.isfinite(values)]
    return np.quantile(finite, QUANTILES).tolist() if finite.size else []
