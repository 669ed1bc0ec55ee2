"""The curve of working points from counts in bins of the logit: what can be added over batches.

A bin is all that is left of a logit, so samples in the same bin count as ties.
"""

from __future__ import annotations

import torch
from torch import Tensor

from saibench.metrics.functional.checks import check_integers
from saibench.metrics.functional.refusal import count_not_finite

CLASSES = ("background", "signal")
"""By label: 0 and 1."""

SCORE_REFUSALS = (
    "logits that are NaN or infinite",
    "labels other than 0 (background) and 1 (signal)",
)


def count_refused(preds: Tensor, target: Tensor) -> Tensor:
    """How often each of `SCORE_REFUSALS` is met, (2,) int64.

    Args:
        preds: (B,) logits of signal against background: positive is more like signal.
        target: (B,) integers, 1 for signal, 0 for background.

    Raises:
        ValueError: shapes that differ, logits that are not floating point, labels not integer.
    """
    if preds.ndim != 1 or not preds.is_floating_point():
        raise ValueError(
            f"logits must be floating point in the shape (B,), not {preds.dtype} in "
            f"{tuple(preds.shape)}."
        )
    check_integers(target, preds.shape, "labels")
    strange = ((target != 0) & (target != 1)).sum()
    return torch.stack([count_not_finite(preds), strange])


def right_by_class(preds: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Samples of each class taken for what they are, and all of them: (2,) int64 each."""
    right = (preds > 0) == (target == 1)
    members = _members(target)
    return (members & right).sum(dim=1), members.sum(dim=1)


def counts_in_bins(preds: Tensor, target: Tensor, num_bins: int, limit: float) -> Tensor:
    """Samples of each class in each of `num_bins` equal bins of the logit: (2, num_bins) int64.

    The bins span [-limit, limit); the first and the last also hold what lies beyond.
    """
    width = 2 * limit / num_bins
    position = ((preds.double() + limit) / width).floor().nan_to_num(0.0)
    position = position.clamp(0, num_bins - 1).long()
    counts = torch.zeros(2 * num_bins, dtype=torch.int64, device=preds.device)
    label = (target == 1).long()
    ones = torch.ones_like(position)
    return counts.index_add(0, label * num_bins + position, ones).reshape(2, num_bins)


def efficiencies(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of signal and of background above each edge of the bins, from the highest down.

    Args:
        counts: (2, N), background then signal.

    Returns:
        two tensors (N + 1,) float64 that rise from 0 to 1; NaN where the class is absent.
    """
    above = counts.flip(1).cumsum(1).double()
    shares = torch.nn.functional.pad(above, (1, 0)) / above[:, -1:]
    return shares[1], shares[0]


def area_in_bins(counts: Tensor) -> Tensor:
    """The area under the curve, float64, samples of one bin counted as ties; NaN as above."""
    background, signal = counts.double()
    below = background.cumsum(0) - background
    return (signal * (below + background / 2)).sum() / (signal.sum() * background.sum())


def rejection_in_bins(counts: Tensor, wanted: float) -> Tensor:
    """Background rejection at the highest edge with this signal efficiency or more, float64."""
    signal, background = efficiencies(counts)
    first = (signal >= wanted).long().argmax()
    rejection = 1 / background[first]
    absent = counts.sum(dim=1).eq(0).any()
    return torch.where(absent, torch.nan, rejection)


def _members(target: Tensor) -> Tensor:
    """(2, B) bool, which samples belong to each class."""
    return torch.stack([target == 0, target == 1])
