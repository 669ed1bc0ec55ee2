"""Cumulative CSI: histogram of the CSI over events, at each lead time (eqs. 5 and 6)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from saibench.metrics.nowcasting.functional.formulas import csi_counts, responds_everywhere
from saibench.metrics.nowcasting.functional.rain import RainFrameSums
from saibench.metrics.nowcasting.functional.rain_statistics import hits_and_relevant


class CumulativeCSICounts(NamedTuple):
    """The grid of eq. 6 and its events.

    Args:
        counts: (L, N) int64, number of events with a CSI in [step j, step (j + 1)).
        overflow: (L,) int64, number of events with a CSI of step N or more.
        selected: (B,) bool, True for the events of eq. 5.
    """

    counts: Tensor
    overflow: Tensor
    selected: Tensor


def responds_at_every_lead(sums: RainFrameSums, threshold: float) -> Tensor:
    """(B,) bool, True for the events of eq. 5: A + B + C > 0 at each lead time.

    False alarms depend on the model, so the selection does too. Models are compared on the
    intersection of their selections.
    """
    _, relevant = hits_and_relevant(sums, threshold)
    return responds_everywhere(relevant)


def cumulative_csi(
    sums: RainFrameSums, threshold: float, num_bins: int = 30, step: float = 0.015
) -> CumulativeCSICounts:
    """Count the CSI of the selected events in bins at each lead time (eqs. 5 and 6, fig. 15).

    Raises:
        ValueError: `num_bins` or `step` is out of range, or `sums` lack this threshold.

    >>> from saibench.metrics.nowcasting.functional.rain import rain_frame_sums
    >>> target = torch.full((1, 1, 4, 50), 20.0)
    >>> preds = target.clone().flatten()
    >>> preds[3:] = 0.0  # 3 hits, 197 misses
    >>> sums = rain_frame_sums(preds.reshape(target.shape), target)
    >>> cumulative_csi(sums, threshold=16.0, num_bins=3).counts
    tensor([[0, 1, 0]])
    """
    hits, relevant = hits_and_relevant(sums, threshold)
    selected = responds_everywhere(relevant)
    *counts, overflow = csi_counts(hits, relevant, selected, num_bins, step)
    return CumulativeCSICounts(torch.stack(counts, dim=-1), overflow, selected)
