"""Cumulative CSI over a whole test set."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.nowcasting.base import LeadTimeMetric
from saibench.metrics.nowcasting.functional.csi_counts import cumulative_csi
from saibench.metrics.nowcasting.functional.formulas import whole_step
from saibench.metrics.nowcasting.functional.rain import RainFrameSums
from saibench.metrics.nowcasting.functional.rain_statistics import critical_success_index


class CumulativeCSI(LeadTimeMetric):
    r"""Histogram of the CSI over events, at each lead time (eqs. 5 and 6, fig. 15).

    .. math:: \mathrm{CuCSI}_T(i, j) = |\{x \in X_T : \mathrm{CSI}_T(x_i) \in [sj, s(j + 1))\}|

    over the events :math:`X_T` with hits, misses or false alarms at every lead time
    (`functional.csi_counts.responds_at_every_lead`).

    Args:
        threshold: rain rate T in mm/h.
        num_bins: N.
        step: s, the width of a bin.
        num_leads: L.
        options: `backend`, and those of `torchmetrics.Metric`.

    `compute()` returns

    - "csi": (L,) the mean CSI of the events of X_T, NaN without events;
    - "count": (L,) the number of these events, the same at every lead time;
    - "counts": (L, N) the grid of eq. 6;
    - "overflow": (L,) the number of events with a CSI of s N or more;
    - "num_events": the number of events, the sum of each row and its overflow.

    Raises:
        ValueError: as `CriticalSuccessIndex`; `num_bins` or `step` is out of range.

    >>> cumulative = CumulativeCSI(threshold=16.0, num_bins=4, step=0.25, num_leads=1)
    >>> target = torch.tensor([16.0, 20.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    >>> preds = torch.tensor([16.0, 15.9, 30.0, 0.0]).reshape(1, 1, 2, 2)
    >>> cumulative.update(preds, target)
    >>> cumulative.compute()["counts"]
    tensor([[0, 1, 0, 0]])
    """

    higher_is_better = True

    csi_sum: Tensor
    counts: Tensor
    overflow: Tensor
    num_events: Tensor

    def __init__(
        self,
        threshold: float,
        num_bins: int = 30,
        step: float = 0.015,
        num_leads: int = 20,
        **options: Any,
    ) -> None:
        whole_step(num_bins, step)
        settings = [threshold, num_bins, step]
        super().__init__(num_leads, thresholds=[threshold], settings=settings, **options)
        self.threshold = threshold
        self.num_bins = num_bins
        self.step = step
        zeros = torch.zeros(num_leads, num_bins, dtype=torch.int64)
        self.add_state("csi_sum", zeros[:, 0].double(), dist_reduce_fx="sum")
        self.add_state("counts", zeros, dist_reduce_fx="sum")
        self.add_state("overflow", zeros[:, 0].clone(), dist_reduce_fx="sum")
        self.add_state("num_events", torch.tensor(0), dist_reduce_fx="sum")

    def add(self, sums: RainFrameSums) -> None:
        found = cumulative_csi(sums, self.threshold, self.num_bins, self.step)
        csi = critical_success_index(sums, self.threshold)
        self.csi_sum += torch.where(found.selected.unsqueeze(-1), csi, 0.0).sum(dim=0)
        self.counts += found.counts
        self.overflow += found.overflow
        self.num_events += found.selected.sum()

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        return {
            "csi": self.csi_sum / self.num_events,
            "count": self.num_events.expand(self.num_leads),
            "counts": self.counts,
            "overflow": self.overflow,
            "num_events": self.num_events,
        }
