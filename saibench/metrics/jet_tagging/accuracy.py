"""Accuracy of a tagger."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.functional.binned_roc import SCORE_REFUSALS, correct_by_class, count_refused
from saibench.metrics.strict import StrictMetric


class TaggingAccuracy(StrictMetric):
    """Accuracy of all samples and of each class.

    `update(preds, target)` takes logits (B,), positive for signal, and labels (B,), 1 for signal
    and 0 for background. `compute()` returns

    - "all", "signal" and "background": accuracies, float64, NaN without such samples;
    - "count" of samples, and "counts": (2,), background and signal.

    Raises:
        ValueError: shapes don't match; logits are NaN or infinite or labels not 0 or 1: in
            `update` on a CPU, in `compute` on an accelerator.

    >>> accuracy = TaggingAccuracy()
    >>> accuracy.update(torch.tensor([2.0, -1.0, -3.0, -4.0]), torch.tensor([1, 1, 0, 0]))
    >>> {name: value.tolist() for name, value in accuracy.compute().items()}
    {'all': 0.75, 'signal': 0.5, 'background': 1.0, 'count': 4, 'counts': [2, 2]}
    """

    is_differentiable = False
    higher_is_better = True
    refusals = SCORE_REFUSALS

    correct: Tensor
    samples: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("correct", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("samples", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.refuse(count_refused(preds, target))
        correct, samples = correct_by_class(preds, target)
        self.correct += correct
        self.samples += samples

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        background, signal = self.correct.double() / self.samples
        return {
            "all": self.correct.sum().double() / self.samples.sum(),
            "signal": signal,
            "background": background,
            "count": self.samples.sum(),
            "counts": self.samples,
        }
