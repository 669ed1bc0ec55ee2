"""Errors of predicted growth and decay of rain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from saibench.metrics.nowcasting.base import LeadTimeMetric
from saibench.metrics.nowcasting.functional.rain import RainFrameSums
from saibench.metrics.nowcasting.functional.rain_statistics import check_leads, differential_trend
from saibench.metrics.nowcasting.functional.trend_quadrants import (
    NUM_CELLS,
    trend_errors,
    trend_sums,
)


class DifferentialTrend(LeadTimeMetric):
    r"""Errors of the trend of the mean rain rate, overall and by quadrant (eq. 8, fig. 19).

    .. math::
        d_{gt}(i, j) = \overline{x_j} - \overline{x_i} \qquad
        d_{pd}(i, j) = \overline{x'_j} - \overline{x_i}

    with the means over each frame's valid pixels, and the *observed* frame i in both
    (`rain_statistics.differential_trend`). Over all events, the error of the trend equals the error
    of the mean rate, as the paper notes. The quadrants, in the order of `formulas.QUADRANTS`, are:
    events that grow and are predicted to grow, that decay and are predicted to grow, that decay
    and are predicted to decay, that grow and are predicted to decay.

    Args:
        start: i, an index of a target frame.
        leads: the K values of j; 5, 11, 17 are 1, 2, 3 h after the last input frame.
        num_leads: L, the number of target frames.
        options: `backend`, and those of `torchmetrics.Metric`.

    `compute()` returns, for each of `leads`,

    - "mae": (K,) the mean absolute error of the trend, mm/h;
    - "bias": (K,) the mean of the predicted minus the observed trend;
    - "count": (K,) the number of events;
    - "quadrant_count", "quadrant_mae", "quadrant_bias": (K, 4) the same by quadrant;
    - "on_axis": (K,) number of events in no quadrant: one of the two trends is exactly 0.

    Raises:
        ValueError: as `CriticalSuccessIndex`; a start or lead is not below `num_leads`.

    >>> trend = DifferentialTrend(start=0, leads=[1], num_leads=2)
    >>> target = torch.tensor([2.0, 3.0]).reshape(1, 2, 1, 1)  # grows by 1
    >>> trend.update(torch.tensor([2.5, 1.5]).reshape(1, 2, 1, 1), target)  # predicted: -0.5
    >>> trend.compute()["mae"].item(), trend.compute()["quadrant_count"].tolist()
    (1.5, [[0, 0, 0, 1]])
    """

    absolute_errors: Tensor
    signed_errors: Tensor
    events: Tensor

    def __init__(
        self,
        start: int = 0,
        leads: Sequence[int] = (5, 11, 17),
        num_leads: int = 20,
        **options: Any,
    ) -> None:
        super().__init__(num_leads, settings=[start, *leads], **options)
        check_leads([start, *leads], num_leads)
        self.start = start
        self.leads = tuple(leads)
        zeros = torch.zeros(len(self.leads), NUM_CELLS, dtype=torch.float64)
        self.add_state("absolute_errors", zeros, dist_reduce_fx="sum")
        self.add_state("signed_errors", zeros.clone(), dist_reduce_fx="sum")
        self.add_state("events", zeros.long(), dist_reduce_fx="sum")

    def add(self, sums: RainFrameSums) -> None:
        trend = differential_trend(sums, self.start, self.leads)
        absolute, signed, events = trend_sums(trend)
        self.absolute_errors += absolute
        self.signed_errors += signed
        self.events += events

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        return trend_errors(self.absolute_errors, self.signed_errors, self.events)
