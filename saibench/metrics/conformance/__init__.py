"""A test for any metric, which all metrics of saibench pass.

    def test_my_metric_conforms():
        assert_metric_conforms(lambda: MyMetric(threshold=5.0), batches, reference=my_loop)

`rules` has one function per rule; a failure names the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torchmetrics import Metric

from saibench.metrics.conformance.case import Batch, MetricCase
from saibench.metrics.conformance.rules import RULES

__all__ = ["RULES", "Batch", "MetricCase", "assert_metric_conforms"]


def assert_metric_conforms(
    make_metric: Callable[[], Metric],
    batches: Sequence[Batch],
    reference: Callable[..., Any],
    *,
    rtol: float = 1e-12,
    atol: float = 1e-12,
) -> None:
    """Check a metric against an independent reference and against every rule of `RULES`.

    Args:
        make_metric: returns a new metric, the same each time, of a picklable class.
        batches: at least two, preferably of different sizes; see `Batch`.
        reference: takes one batch of any size and returns what `compute` returns: a number, an
            array or a mapping of these. Write it as a plain loop, without the metric's code.
        rtol: relative tolerance between the metric and the reference.
        atol: absolute tolerance.

    Raises:
        AssertionError: the message names the broken rule.
    """
    __tracebackhide__ = True
    case = MetricCase(make_metric, tuple(batches), reference, rtol, atol)
    assert len(case.batches) >= 2, "Pass at least two batches, to test how they add up."
    for rule in RULES:
        try:
            rule(case)
        except Exception as error:
            name = rule.__name__.replace("_", " ")
            raise AssertionError(f"{name}: {rule.__doc__}\n{error}") from error
