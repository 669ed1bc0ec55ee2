"""Metrics: torchmetrics classes over a pure functional core.

A statistic is a function of tensors that returns one value a sample; a metric sums it over
batches and ranks. Those of a workload are in its room, such as `saibench.metrics.nowcasting`;
`conformance` holds the test that a new metric must pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saibench.imports.lazy import lazy_names

if TYPE_CHECKING:
    from saibench.metrics.strict import StrictMetric

__all__ = ["StrictMetric"]
__getattr__ = lazy_names(__name__, __all__, "strict")
