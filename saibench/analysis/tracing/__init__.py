"""Error tracing: attribution of errors to features, components and stretches of the data."""

from __future__ import annotations

from saibench.analysis.tracing.config import TraceConfig, trace_config
from saibench.analysis.tracing.of_evidence import trace_points
from saibench.analysis.tracing.records import (
    Association,
    BiasTrace,
    Component,
    PointTrace,
    ResponseTrace,
    Stretch,
    Tested,
)

__all__ = [
    "Association",
    "BiasTrace",
    "Component",
    "PointTrace",
    "ResponseTrace",
    "Stretch",
    "Tested",
    "TraceConfig",
    "trace_config",
    "trace_points",
]
