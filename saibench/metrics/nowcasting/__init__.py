"""Metrics of predicted rain: torchmetrics classes over `saibench.metrics.nowcasting.functional`."""

from saibench.metrics.nowcasting.base import LeadTimeMetric, MeanByLead, RainMetric
from saibench.metrics.nowcasting.cumulative_csi import CumulativeCSI
from saibench.metrics.nowcasting.scores import (
    ActiveAreaMAE,
    CenterOfMassDisplacement,
    CriticalSuccessIndex,
    MeanAbsoluteErrorByLead,
)
from saibench.metrics.nowcasting.stability import Outlier, PredictionStability
from saibench.metrics.nowcasting.trend import DifferentialTrend

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
