"""ROC, AUC and background rejection from counts of fixed size, for training and validation."""

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
    num_bins,
    rejection_in_bins,
    smallest_in_bins,
)
from saibench.metrics.strict import StrictMetric


class BinnedROC(StrictMetric):
    """The curve of working points of a tagger, its area, and the rejection at two of its points.

    Logits are counted in bins by sign, exponent and their first binary digits, so that a bin is as
    narrow relative to the logit at any scale, and those of one bin count as ties. The counts are
    whole numbers: ranks and batches add up exactly. Logits whose spread is small beside their
    distance from 0 share few bins (those from 1000 to 1002 have 16 at 12 bits), those below 2^-64
    one: "auc_error" then says how little "auc" is worth.

    Args:
        bits: binary digits by which logits are told apart, 0 to 23; the state has
            2 × (256 × 2^bits + 1) counts, 16 MiB by default.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target)` as in `TaggingAccuracy`. `compute()` returns, in float64,

    - "auc": NaN where a class is absent;
    - "auc_error": by how much `functional.area_under_roc` differs from it at most: half the share
      of pairs (signal, background) that share a bin. Two logits of one sign share none if they
      differ by more than 2^-bits of the smaller;
    - "rejection_30", "rejection_50": 1 / background efficiency at a signal efficiency of 0.3 and
      0.5 or little more; infinite where no background is left, NaN where a class is absent;
    - "thresholds", "signal_efficiency", "background_efficiency": (T + 1,) as `functional.roc_curve`
      has them, at the smallest float32 of each bin that holds a sample;
    - "counts": (2,) int64, background and signal.

    Raises:
        ValueError: digits that a float32 does not have; else as in `TaggingAccuracy`.

    >>> roc = BinnedROC(bits=0)
    >>> roc.update(torch.tensor([1.5, 0.5, 1.2, -1.5]), torch.tensor([1, 1, 0, 0]))
    >>> found = roc.compute()
    >>> found["auc"].item(), found["auc_error"].item(), found["thresholds"].tolist()
    (0.625, 0.125, [inf, 1.0, 0.5, -1.9999998807907104])
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
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
        held, signal, background = efficiencies(self.in_bins)
        highest = torch.full_like(signal[:1], torch.inf)
        return {
            "auc": area,
            "auc_error": error,
            "rejection_30": rejection_in_bins(signal, background, 0.3),
            "rejection_50": rejection_in_bins(signal, background, 0.5),
            "thresholds": torch.cat([highest, smallest_in_bins(held, self.bits)]),
            "signal_efficiency": signal,
            "background_efficiency": background,
            "counts": self.in_bins.sum(dim=1),
        }
