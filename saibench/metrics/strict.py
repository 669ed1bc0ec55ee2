"""The base class of saibench's metrics: rejects invalid input and keeps its sums in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Module
from torchmetrics import Metric

from saibench.metrics.functional.refusal import raise_if_refused


class StrictMetric(Metric):
    """A torchmetrics metric of fixed-shape sums that raises on invalid input, such as NaN.

    A subclass lists its `refusals`, counts them in `update` and passes the counts to `refuse`
    *before* it adds to its sums; `compute` begins with `raise_if_refused`. On a CPU, `update`
    raises at once. On an accelerator that would synchronise every batch, so the counts are a
    summed state and `compute` raises, on every rank. (`forward` also computes, so it
    synchronises.) After a refusal, `compute` raises until `reset`, even if the error was caught.

    The states keep their dtype when the model that contains the metric is cast (`.half()`,
    `.to(torch.bfloat16)`, Lightning's `16-true`): a sum in half precision stops growing at 2048.
    Only `set_dtype` changes it, and only for floating-point sums: counts stay int64.

    `saibench.metrics.conformance.assert_metric_conforms` tests a subclass for this behaviour.

    >>> class Mean(StrictMetric):
    ...     refusals = ("values that are NaN or infinite",)
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.add_state("total", torch.zeros((), dtype=torch.float64), "sum")
    ...         self.add_state("count", torch.tensor(0), "sum")
    ...     def update(self, preds):
    ...         self.refuse((~preds.isfinite()).sum().unsqueeze(0))
    ...         self.total += preds.double().sum()
    ...         self.count += preds.numel()
    ...     def compute(self):
    ...         self.raise_if_refused()
    ...         return self.total / self.count
    >>> Mean().update(torch.tensor([1.0, float("nan")]))
    Traceback (most recent call last):
    ValueError: Mean can't score values that are NaN or infinite (1 found).
    """

    refusals: ClassVar[tuple[str, ...]] = ()
    """Kinds of invalid input: noun phrases that end the sentence "<metric> can't score ..."."""

    full_state_update = False
    refused: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        none_yet = torch.zeros(len(self.refusals), dtype=torch.int64)
        self.add_state("refused", none_yet, dist_reduce_fx="sum")

    def refuse(self, counts: Tensor) -> None:
        """Add the count of each of `refusals`, shape (len(refusals),); raise on a CPU."""
        self.refused += counts
        if counts.device.type == "cpu":
            raise_if_refused(counts, self.refusals, by=type(self).__name__)

    def raise_if_refused(self) -> None:
        """Raise `ValueError` if any update since the last `reset`, on any rank, was refused."""
        raise_if_refused(self.refused, self.refusals, by=type(self).__name__)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value of the batch and add it to the states.

        After an error, torchmetrics' `forward` leaves `_to_sync` off, even after `reset`, so that
        `compute` would return the value of one rank. This method restores it.
        """
        on_cpu = self.compute_on_cpu
        try:
            return super().forward(*args, **kwargs)
        except Exception:
            self._to_sync, self._should_unsync = self.sync_on_compute, True
            self._enable_grad, self.compute_on_cpu = False, on_cpu
            raise

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add another metric's sums and, unlike torchmetrics, drop the cached value."""
        super().merge_state(incoming_state)
        self._computed = None

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Module:
        """Move to the model's device, but keep the dtype (see the class)."""

        def follow(state: Tensor) -> Tensor:
            if self._dtype_convert:  # set by `set_dtype` alone
                return fn(state) if state.is_floating_point() else state
            return state.to(fn(state.new_empty(0)).device)

        return super()._apply(follow, exclude_state)
