"""The conformance test fails for each mistake that it should find."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from saibench.metrics import StrictMetric
from saibench.metrics.conformance import RULES, assert_metric_conforms


def mean(preds: Tensor) -> float:
    return sum(float(value) for value in preds) / len(preds) if len(preds) else float("nan")


BATCHES = [
    (torch.linspace(0.3, 0.9, 6, dtype=torch.float64),),
    (torch.tensor([0.2, 0.1], dtype=torch.float64),),
]


class Mean(StrictMetric):
    """A correct metric; each metric below differs from it by one mistake."""

    is_differentiable = True
    higher_is_better = False
    refusals = ("predictions that are NaN or infinite",)

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor) -> None:
        self.refuse((~preds.isfinite()).sum().unsqueeze(0))
        self.total += preds.double().sum()
        self.count += preds.numel()

    def compute(self) -> Tensor:
        self.raise_if_refused()
        return self.total / self.count


class MeanOfBatchMeans(Mean):
    def update(self, preds: Tensor) -> None:
        self.refuse((~preds.isfinite()).sum().unsqueeze(0))
        self.total += preds.double().mean()
        self.count += 1


class SkipsNaN(Mean):
    def update(self, preds: Tensor) -> None:
        self.total += preds.double().nansum()
        self.count += preds.numel()


class ForgetsItsRefusals(Mean):
    def compute(self) -> Tensor:
        return torch.nan_to_num(self.total) / self.count


class SumsInTheDtypeOfItsInput(Mean):
    def update(self, preds: Tensor) -> None:
        self.refuse((~preds.isfinite()).sum().unsqueeze(0))
        self.total += preds.sum()
        self.count += preds.numel()


class LooksAtEachBatch(Mean):
    def update(self, preds: Tensor) -> None:
        if preds.double().sum() != 0:
            super().update(preds)


class CutsTheGradient(Mean):
    def update(self, preds: Tensor) -> None:
        super().update(preds.detach())


class ChangesItsInput(Mean):
    def update(self, preds: Tensor) -> None:
        super().update(preds)
        with torch.no_grad():
            preds.abs_().neg_()


class GrowingList(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.add_state("values", [], dist_reduce_fx="cat")


class ReducesByMean(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.add_state("largest", torch.zeros((), dtype=torch.float64), dist_reduce_fx="mean")


class RoundedByItsModel(Mean):
    _apply = Metric._apply


class StaysHalfWayThroughForward(Mean):
    forward = Metric.forward


class KeepsAValueComputedBeforeAMerge(Mean):
    merge_state = Metric.merge_state


class KeepsAfterReset(Mean):
    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def update(self, preds: Tensor) -> None:
        super().update(preds)
        self.seen += preds.numel()

    def compute(self) -> Tensor:
        self.raise_if_refused()
        return self.total / self.seen


class UndeclaredDirection(Mean):
    higher_is_better = None  # type: ignore[assignment]


def test_a_correct_metric_conforms():
    assert_metric_conforms(Mean, BATCHES, mean)


@pytest.mark.parametrize(
    ("metric", "rule"),
    [
        (MeanOfBatchMeans, "splits of the data do not matter"),
        (SkipsNaN, "a nan prediction is refused"),
        (ForgetsItsRefusals, "a nan prediction is refused"),
        (SumsInTheDtypeOfItsInput, "low precision inputs are summed in float64"),
        (LooksAtEachBatch, "update reads nothing from an accelerator"),
        (CutsTheGradient, "gradients flow if promised"),
        (ChangesItsInput, "equals the reference"),
        (GrowingList, "states are sums of fixed shape"),
        (ReducesByMean, "states are sums of fixed shape"),
        (RoundedByItsModel, "a model in half precision does not round it"),
        (StaysHalfWayThroughForward, "a refusal in forward ends at reset"),
        (KeepsAValueComputedBeforeAMerge, "halves merge to the whole"),
        (KeepsAfterReset, "forward scores the batch and accumulates"),
        (UndeclaredDirection, "constants are declared"),
    ],
)
def test_each_mistake_is_named(metric, rule):
    with pytest.raises(AssertionError, match=rule):
        assert_metric_conforms(metric, BATCHES, mean)


def test_one_batch_is_not_enough():
    with pytest.raises(AssertionError, match="two batches"):
        assert_metric_conforms(Mean, BATCHES[:1], mean)


def test_every_rule_has_a_docstring():
    assert all(rule.__doc__ for rule in RULES)
