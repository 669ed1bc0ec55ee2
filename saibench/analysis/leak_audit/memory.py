"""The time over which the descriptors of consecutive samples correlate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.leak_audit.neighbours import Rows, Vectors, spread

ANCHORS = 2000
"""Samples whose correlation with later ones is averaged."""
INDEPENDENT = 1 / math.e
"""Correlation below which two samples count as independent."""


@dataclass(frozen=True)
class CorrelationTime:
    """The time after which the correlation of descriptors has fallen to 1/e.

    Args:
        value: in the unit of the times.
        is_resolved: False if consecutive samples are further apart than the value, or if the
            correlation has not fallen within a quarter of the series.
    """

    value: float
    is_resolved: bool


def correlation_time(vectors: Vectors, times: Floats) -> CorrelationTime:
    """The correlation time of the vectors of all rows in the order of `times`.

    The correlation at a lag is the mean inner product of centred vectors over their mean square.
    Lags grow by a quarter; the time of a lag is the mean gap, and the correlation is interpolated
    linearly between lags.
    """
    order: Rows = np.argsort(times, kind="stable").astype(np.int64)
    places = spread(np.arange(len(order), dtype=np.int64), ANCHORS)
    anchors = np.asarray(vectors(order[places]), dtype=np.float64)
    mean = anchors.mean(axis=0)
    anchors -= mean
    variance = float((anchors**2).sum(axis=1).mean())
    if variance == 0:
        return CorrelationTime(math.inf, is_resolved=False)
    before, lag = (0.0, 1.0), 1
    while lag <= len(order) // 4:
        inside = places + lag < len(order)
        later = order[places[inside] + lag]
        product = (anchors[inside] * (vectors(later) - mean)).sum(axis=1).mean()
        gap = float((times[later] - times[order[places[inside]]]).mean())
        now = gap, float(product) / variance
        if now[1] <= INDEPENDENT:
            fallen = (before[1] - INDEPENDENT) / (before[1] - now[1])
            value = before[0] + fallen * (now[0] - before[0])
            return CorrelationTime(value, is_resolved=lag > 1)
        before, lag = now, max(lag + 1, int(1.25 * lag))
    return CorrelationTime(before[0], is_resolved=False)
