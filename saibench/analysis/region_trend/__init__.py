"""Regions of the problem space that are tested separately, and the trend of the error over them."""

from __future__ import annotations

from saibench.analysis.region_trend.of_evidence import RunTrend, run_trends
from saibench.analysis.region_trend.regions import (
    LeftOut,
    Region,
    RegionTrend,
    TooFewRegions,
    region_trend,
)
from saibench.analysis.region_trend.trend import Line, Trend

__all__ = [
    "LeftOut",
    "Line",
    "Region",
    "RegionTrend",
    "RunTrend",
    "TooFewRegions",
    "Trend",
    "region_trend",
    "run_trends",
]
