"""Monitors of a stream of samples: does it still resemble the calibration?"""

from __future__ import annotations

from saibench.analysis.exchangeability.martingale import Martingale, PValues
from saibench.analysis.exchangeability.monitor import Alarm, Monitor
from saibench.analysis.exchangeability.reference import Reference, Series, reference_of
from saibench.analysis.exchangeability.stream import NotMonitored, Watched, watch

__all__ = [
    "Alarm",
    "Martingale",
    "Monitor",
    "NotMonitored",
    "PValues",
    "Reference",
    "Series",
    "Watched",
    "reference_of",
    "watch",
]
