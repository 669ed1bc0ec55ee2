"""Metrics of predicted rain: torchmetrics classes over `saibench.metrics.nowcasting.functional`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saibench.imports.lazy import lazy_names

if TYPE_CHECKING:
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
__getattr__ = lazy_names(
    __name__, __all__, "base", "cumulative_csi", "scores", "stability", "trend"
)
