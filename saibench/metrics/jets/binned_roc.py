"""ROC, AUC and background rejection from counts of fixed size, for training and validation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.functional.binned_roc import (
    SCORE_REFUSALS,
    area_in_bins,
    count_refused,
    counts_in_bins,
    efficiencies,
    rejection_in_bins,
)
from saibench.metrics.strict import StrictMetric


class BinnedROC(StrictMetric):
    """The curve of working points of a tagger, its area, and the rejection at two of its points.

    Logits are counted in bins, and those of one bin count as ties, so that the area differs from
    `functional.area_under_roc` by at most half the share of pairs (signal, background) that share
    a bin. The counts are whole numbers: ranks and batches add up exactly.

    Args:
        num_bins: N, how many bins of equal width.
        limit: the bins span logits in [-limit, limit); beyond is counted in the outermost.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target)` as in `TaggingAccuracy`. `compute()` returns, in float64,

    - "auc": NaN where a class is absent;
    - "rejection_30", "rejection_50": 1 / background efficiency at a signal efficiency of 0.3 and
      0.5 or little more; infinite where no background is left, NaN where a class is absent;
    - "signal_efficiency", "background_efficiency": (N + 1,) shares above each edge of the bins,
      from the highest down;
    - "counts": (2,) int64, background and signal.

    Raises:
        ValueError: bins that don't exist; else as in `TaggingAccuracy`.

    >>> roc = BinnedROC(num_bins=4, limit=2.0)
    >>> roc.update(torch.tensor([1.5, 0.5, 0.9, -1.5]), torch.tensor([1, 1, 0, 0]))
    >>> roc.compute()["auc"].item()
    0.875
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    refusals = SCORE_REFUSALS

    in_bins: Tensor
    settings: Tensor

    def __init__(self, num_bins: int = 4000, limit: float = 20.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_bins < 1 or limit <= 0:
            raise ValueError(f"{num_bins} bins up to a logit of {limit} are none.")
        self.num_bins = num_bins
        self.limit = limit
        self.add_state("in_bins", torch.zeros(2, num_bins, dtype=torch.int64), dist_reduce_fx="sum")
        # A MetricCollection updates metrics of equal states only once; this keeps apart those
        # whose bins are others.
        self.add_state("settings", torch.tensor([limit], dtype=torch.float64), "max")

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.refuse(count_refused(preds, target))
        self.in_bins += counts_in_bins(preds, target, self.num_bins, self.limit)

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        signal, background = efficiencies(self.in_bins)
        return {
            "auc": area_in_bins(self.in_bins),
            "rejection_30": rejection_in_bins(self.in_bins, 0.3),
            "rejection_50": rejection_in_bins(self.in_bins, 0.5),
            "signal_efficiency": signal,
            "background_efficiency": background,
            "counts": self.in_bins.sum(dim=1),
        }
