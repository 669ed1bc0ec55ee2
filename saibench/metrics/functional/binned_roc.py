"""ROC curve from counts in bins of the logit, which can be summed over batches.

Samples in the same bin count as ties. The relative width of the bins is constant: with 12 bits,
two logits of the same sign that differ by more than 2^-12 of the smaller are in different bins.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saibench.metrics.functional.checks import check_integers
from saibench.metrics.functional.refusal import count_not_finite

FLOAT32_BITS = 23
"""Bits of the mantissa of a float32."""
SMALLEST, LARGEST = 2.0**-64, 2.0**64
"""Smaller logits count as 0; larger ones are in the last bin."""
NUM_BINADES = 128
LARGEST_PATTERN = 0x7F7FFFFF
"""Bit pattern of the largest float32."""

SCORE_REFUSALS = (
    "logits that are NaN or infinite",
    "labels other than 0 (background) and 1 (signal)",
)


def count_refused(preds: Tensor, target: Tensor) -> Tensor:
    """Count of each of `SCORE_REFUSALS`, (2,) int64.

    Args:
        preds: (B,) logits, positive for signal.
        target: (B,) integers, 1 for signal, 0 for background.

    Raises:
        ValueError: the shapes differ, or the logits are not floating point or the labels not
            integers.
    """
    if preds.ndim != 1 or not preds.is_floating_point():
        raise ValueError(
            f"logits must be floating point of shape (B,), not {preds.dtype} of shape "
            f"{tuple(preds.shape)}."
        )
    check_integers(target, preds.shape, "labels")
    return torch.stack([count_not_finite(preds), ((target != 0) & (target != 1)).sum()])


def correct_by_class(preds: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Correctly classified samples of each class, and all samples: (2,) int64 each."""
    correct = (preds > 0) == (target == 1)
    members = torch.stack([target == 0, target == 1])
    return (members & correct).sum(dim=1), members.sum(dim=1)


def num_bins(bits: int) -> int:
    """Number of bins of logits with `bits` bits of the mantissa.

    Raises:
        ValueError: a float32 does not have this number of bits.
    """
    if not 0 <= bits <= FLOAT32_BITS:
        raise ValueError(f"bits={bits} must be within 0 and {FLOAT32_BITS}.")
    return 2 * (NUM_BINADES << bits) + 1


def bins_of(preds: Tensor, bits: int) -> Tensor:
    """Bin of each logit, (B,) int64 from 0 to `num_bins(bits)` - 1, in the order of the logits.

    Logits in one bin have the same sign, exponent and first `bits` bits of the mantissa as
    float32. The middle bin has those below `SMALLEST`, the first and the last also those beyond
    `LARGEST`.
    """
    pattern = preds.detach().float().view(torch.int32).long() & 0x7FFFFFFF  # of the magnitude
    first, last = _pattern(SMALLEST), _pattern(LARGEST)
    place = ((pattern.clamp(first, last - 1) - first) >> (FLOAT32_BITS - bits)) + 1
    place = torch.where(pattern < first, 0, place)
    return (NUM_BINADES << bits) + torch.where(preds < 0, -place, place)


def lower_edges(bins: Tensor, bits: int) -> Tensor:
    """The smallest float32 in each bin, (T,) float64."""
    place, width = bins - (NUM_BINADES << bits), 1 << (FLOAT32_BITS - bits)
    first = _pattern(SMALLEST) + (place.abs() - 1) * width
    last = torch.where(bins == 0, LARGEST_PATTERN, first + width - 1)
    pattern = torch.where(place > 0, first, torch.where(place < 0, last, _pattern(SMALLEST) - 1))
    magnitude = pattern.int().view(torch.float32).double()
    return torch.where(place > 0, magnitude, -magnitude)


def efficiencies(counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """ROC curve at the T bins that are not empty, from the highest down.

    Args:
        counts: (2, N), background then signal.

    Returns:
        bins (T,) int64, signal efficiency (T + 1,) and background efficiency (T + 1,), float64
        from 0 to 1; NaN for an absent class.
    """
    occupied = counts.sum(dim=0).nonzero().squeeze(1).flip(0)
    above = counts[:, occupied].cumsum(1).double()
    background, signal = torch.nn.functional.pad(above, (1, 0)) / counts.sum(dim=1, keepdim=True)
    return occupied, signal, background


def area_in_bins(counts: Tensor) -> tuple[Tensor, Tensor]:
    """AUC with samples of one bin counted as ties, and its maximum error, both float64.

    The error is half the fraction of pairs (signal, background) that share a bin: the change of
    the area if all samples of a bin were in the best or the worst order. NaN if a class is absent.
    """
    background, signal = counts.double()
    below = background.cumsum(0) - background
    pairs = signal.sum() * background.sum()
    tied = (signal * background / 2).sum()
    return ((signal * below).sum() + tied) / pairs, tied / pairs


def rejection_in_bins(signal: Tensor, background: Tensor, at: float) -> Tensor:
    """Background rejection at the highest bin of at least the signal efficiency `at`, float64.

    Args:
        signal: (T + 1,) signal efficiencies of `efficiencies`.
        background: (T + 1,) background efficiencies.
        at: signal efficiency.
    """
    first = (signal >= at).long().argmax()
    absent = torch.isnan(signal[-1] + background[-1])
    return torch.where(absent, torch.nan, 1 / background[first])


def _pattern(power_of_two: float) -> int:
    """Bits of a positive float32 as an integer, which increases with the number."""
    return (round(math.log2(power_of_two)) + 127) << FLOAT32_BITS
