"""Cumulative CSI: how often each value of the CSI is met at each lead time (eqs. 5 and 6)."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from saibench.metrics.nowcasting.functional.rain import RainFrameSums
from saibench.metrics.nowcasting.functional.rain_statistics import hits_and_relevant

FINEST_STEP = 1_000_000
"""Steps are fractions with denominators up to this, so that a CSI is binned in whole numbers."""


class CumulativeCSICounts(NamedTuple):
    """The grid of eq. 6, and the events behind it.

    Args:
        counts: (L, N) int64, the events whose CSI lies in [step j, step (j + 1)).
        overflow: (L,) int64, those whose CSI is step N or more.
        selected: (B,) bool, True for the events of eq. 5.
    """

    counts: Tensor
    overflow: Tensor
    selected: Tensor


def responds_at_every_lead(sums: RainFrameSums, threshold: float) -> Tensor:
    """(B,) bool, the events that enter eq. 5: A + B + C > 0 at each of the lead times.

    False alarms depend on the model, and so does the selection; models are compared on the
    intersection of theirs.
    """
    _, relevant = hits_and_relevant(sums, threshold)
    return (relevant > 0).all(dim=1)


def cumulative_csi(
    sums: RainFrameSums, threshold: float, num_bins: int = 30, step: float = 0.015
) -> CumulativeCSICounts:
    """Count the CSI of the selected events in bins at each lead time (eqs. 5 and 6, fig. 15).

    A CSI is a ratio of two counts, so its bin is found in whole numbers: 3 hits of 200 relevant
    pixels are in the bin that begins at 0.015, not just below it.

    Raises:
        ValueError: bins that don't exist, or `sums` that were not taken at this threshold.

    >>> from saibench.metrics.nowcasting.functional import rain_frame_sums
    >>> target = torch.full((1, 1, 4, 50), 20.0)
    >>> preds = target.clone().flatten()
    >>> preds[3:] = 0.0  # 3 hits, 197 misses
    >>> sums = rain_frame_sums(preds.reshape(target.shape), target)
    >>> cumulative_csi(sums, threshold=16.0, num_bins=3).counts
    tensor([[0, 1, 0]])
    """
    numerator, denominator = whole_step(num_bins, step)
    hits, relevant = hits_and_relevant(sums, threshold)
    selected = responds_at_every_lead(sums, threshold)
    position = hits * denominator // (relevant.clamp(min=1) * numerator)
    bins = torch.arange(num_bins + 1, device=position.device)
    member = position.clamp(max=num_bins).unsqueeze(-1) == bins
    grid = (member & selected[:, None, None]).sum(dim=0)
    return CumulativeCSICounts(grid[:, :num_bins], grid[:, num_bins], selected)


@cache
def whole_step(num_bins: int, step: float) -> tuple[int, int]:
    """`step` as a fraction of whole numbers: 0.015 is 3 / 200.

    Raises:
        ValueError: no bins, or a step that is not within 0 ... 1.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1, not {num_bins}.")
    if not 1 / FINEST_STEP <= step <= 1:
        raise ValueError(f"step must be between {1 / FINEST_STEP:g} and 1, not {step}.")
    return Fraction(step).limit_denominator(FINEST_STEP).as_integer_ratio()
