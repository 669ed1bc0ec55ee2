"""Metrics: torchmetrics classes over a pure functional core.

A statistic is a function of tensors that returns one value a sample; a metric sums it over
batches and ranks. Those of a workload are in its room, such as `saibench.metrics.nowcasting`;
`conformance` holds the test that a new metric must pass.
"""

from saibench.metrics.strict import StrictMetric

__all__ = ["StrictMetric"]
