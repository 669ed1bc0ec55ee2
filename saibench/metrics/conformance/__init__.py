"""The test that every metric of saibench passes, and that a new one gets for a few lines.

    def test_my_metric_conforms():
        assert_metric_conforms(lambda: MyMetric(threshold=5.0), batches, reference=my_loop)

The rules are in `rules`, one function each, named as what holds; a failure names the rule.
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
        make_metric: builds a new metric, the same each time, in a picklable class.
        batches: at least two, better of different sizes; see `Batch`.
        reference: takes one batch of any size and returns what `compute` returns: a number, an
            array or a mapping of these. Write it as a plain loop, not with the metric's code.
        rtol: tolerance between the metric and the reference, relative.
        atol: the same, absolute.

    Raises:
        AssertionError: names the rule that is broken.
    """
    __tracebackhide__ = True
    case = MetricCase(make_metric, tuple(batches), reference, rtol, atol)
    assert len(case.batches) >= 2, "Give at least two batches: one can't show how they add up."
    for rule in RULES:
        try:
            rule(case)
        except Exception as error:
            name = rule.__name__.replace("_", " ")
            raise AssertionError(f"{name}: {rule.__doc__}\n{error}") from error
