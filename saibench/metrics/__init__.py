"""Metrics: torchmetrics classes over a pure functional core.

A statistic is a function of tensors that returns one value per sample; a metric sums it over
batches and ranks. Each workload has its own package, such as `saibench.metrics.nowcasting`.
`conformance` tests whether a new metric is correct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saibench.imports.lazy import lazy_names

if TYPE_CHECKING:
    from saibench.metrics.strict import StrictMetric

__all__ = ["StrictMetric"]
__getattr__ = lazy_names(__name__, __all__, "strict")
