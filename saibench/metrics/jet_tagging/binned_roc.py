"""ROC curve, AUC and background rejection from counts of fixed size, for validation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.functional.binned_roc import (
    SCORE_REFUSALS,
    area_in_bins,
    bins_of,
    count_refused,
    efficiencies,
    lower_edges,
    num_bins,
    rejection_in_bins,
)
from saibench.metrics.strict import StrictMetric


class BinnedROC(StrictMetric):
    """ROC curve of a tagger, its area, and the background rejection at two signal efficiencies.

    Logits are counted in bins of their sign, exponent and first bits of the mantissa; logits of
    one bin count as ties. The counts are integers, so the sum over ranks and batches is exact.
    Logits whose spread is small compared with their distance from 0 share few bins (those from
    1000 to 1002 have 16 at 12 bits), and all below 2^-64 share one; "auc_error" is then large.

    Args:
        bits: bits of the mantissa, 0 to 23; the state has 2 × (256 × 2^bits + 1) counts, 16 MiB by
            default.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target)` as in `TaggingAccuracy`. `compute()` returns, in float64,

    - "auc": NaN if a class is absent;
    - "auc_error": maximum difference from `functional.area_under_roc`: half the fraction of pairs
      (signal, background) that share a bin. Two logits of one sign are in different bins if they
      differ by more than 2^-bits of the smaller;
    - "rejection_30", "rejection_50": 1 / background efficiency at a signal efficiency of at least
      0.3 and 0.5; infinite if no background passes, NaN if a class is absent;
    - "thresholds", "signal_efficiency", "background_efficiency": (T + 1,) as in
      `functional.roc_curve`, at the smallest float32 of each of the T bins that are not empty;
    - "counts": (2,) int64, background and signal.

    Raises:
        ValueError: `bits` is not within 0 and 23; else as in `TaggingAccuracy`.

    >>> roc = BinnedROC(bits=0)
    >>> roc.update(torch.tensor([1.5, 0.5, 1.2, -1.5]), torch.tensor([1, 1, 0, 0]))
    >>> found = roc.compute()
    >>> found["auc"].item(), found["auc_error"].item(), found["thresholds"].tolist()
    (0.625, 0.125, [inf, 1.0, 0.5, -1.9999998807907104])
    """

    is_differentiable = False
    higher_is_better = True
    refusals = SCORE_REFUSALS

    in_bins: Tensor

    def __init__(self, bits: int = 12, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bits = bits
        bins = torch.zeros(2, num_bins(bits), dtype=torch.int64)
        self.add_state("in_bins", bins, dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.refuse(count_refused(preds, target))
        place = (target == 1).long() * num_bins(self.bits) + bins_of(preds, self.bits)
        self.in_bins.view(-1).index_add_(0, place, torch.ones_like(place))

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        area, error = area_in_bins(self.in_bins)
        bins, signal, background = efficiencies(self.in_bins)
        highest = torch.full_like(signal[:1], torch.inf)
        return {
            "auc": area,
            "auc_error": error,
            "rejection_30": rejection_in_bins(signal, background, 0.3),
            "rejection_50": rejection_in_bins(signal, background, 0.5),
            "thresholds": torch.cat([highest, lower_edges(bins, self.bits)]),
            "signal_efficiency": signal,
            "background_efficiency": background,
            "counts": self.in_bins.sum(dim=1),
        }
