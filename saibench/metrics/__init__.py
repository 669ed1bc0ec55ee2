"""Metrics: torchmetrics classes over a pure functional core.

A statistic is a function of tensors that returns one value a sample; a metric sums it over
batches and ranks. `conformance` holds the test that a new metric must pass.
"""

from saibench.metrics.force_field.classes import EnergyError, PerAtomEnergyError, PerAtomForceError
from saibench.metrics.jet_tagging import BinnedROC, TaggingAccuracy
from saibench.metrics.nowcasting import (
    ActiveAreaMAE,
    CenterOfMassDisplacement,
    CriticalSuccessIndex,
    CumulativeCSI,
    DifferentialTrend,
    MeanAbsoluteErrorByLead,
    PredictionStability,
    RainMetric,
)
from saibench.metrics.strict import StrictMetric

__all__ = [
    "ActiveAreaMAE",
    "BinnedROC",
    "CenterOfMassDisplacement",
    "CriticalSuccessIndex",
    "CumulativeCSI",
    "DifferentialTrend",
    "EnergyError",
    "MeanAbsoluteErrorByLead",
    "PerAtomEnergyError",
    "PerAtomForceError",
    "PredictionStability",
    "RainMetric",
    "StrictMetric",
    "TaggingAccuracy",
]
