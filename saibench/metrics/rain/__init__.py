"""Metrics of predicted rain: torchmetrics classes over `saibench.metrics.functional`."""

from saibench.metrics.rain.base import LeadTimeMetric, MeanByLead, RainMetric
from saibench.metrics.rain.cumulative_csi import CumulativeCSI
from saibench.metrics.rain.scores import (
    ActiveAreaMAE,
    CenterOfMassDisplacement,
    CriticalSuccessIndex,
    MeanAbsoluteErrorByLead,
)
from saibench.metrics.rain.stability import Outlier, PredictionStability
from saibench.metrics.rain.trend import DifferentialTrend

__all__ = [
    "ActiveAreaMAE",
    "CenterOfMassDisplacement",
    "CriticalSuccessIndex",
    "CumulativeCSI",
    "DifferentialTrend",
    "LeadTimeMetric",
    "MeanAbsoluteErrorByLead",
    "MeanByLead",
    "Outlier",
    "PredictionStability",
    "RainMetric",
]
