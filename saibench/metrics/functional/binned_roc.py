"""The curve of working points from counts in bins of the logit: what can be added over batches.

A bin is all that is left of a logit, so samples in the same bin count as ties. The bins have the
same width relative to the logit, whatever its scale: with 12 bits, two logits of the same sign that
differ by more than 2^-12 of the smaller are never in one bin.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saibench.metrics.functional.checks import check_integers
from saibench.metrics.functional.refusal import count_not_finite

FLOAT32_BITS = 23
"""Binary digits of a float32 after the leading one."""
SMALLEST, LARGEST = 2.0**-64, 2.0**64
"""Logits nearer to 0 count as 0; those beyond are counted with the largest."""
NUM_BINADES = 128
LARGEST_PATTERN = 0x7F7FFFFF
"""The bits of the largest float32."""

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


def num_bins(bits: int) -> int:
    """Bins of logits that are told apart by `bits` binary digits after the leading one.

    Raises:
        ValueError: digits that a float32 does not have.
    """
    if not 0 <= bits <= FLOAT32_BITS:
        raise ValueError(f"A float32 has 0 to {FLOAT32_BITS} bits after the leading one: {bits}.")
    return 2 * (NUM_BINADES << bits) + 1


def bins_of(preds: Tensor, bits: int) -> Tensor:
    """The bin of each logit (B,) int64, in the order of the logits, from 0 to `num_bins(bits)` - 1.

    A bin holds the logits whose sign, exponent and first `bits` binary digits are the same, as a
    float32 has them. The one in the middle holds those below `SMALLEST`, the first and the last
    also those beyond `LARGEST`.
    """
    pattern = preds.detach().float().view(torch.int32).long() & 0x7FFFFFFF  # of the magnitude
    first, last = _pattern(SMALLEST), _pattern(LARGEST)
    place = ((pattern.clamp(first, last - 1) - first) >> (FLOAT32_BITS - bits)) + 1
    place = torch.where(pattern < first, 0, place)
    return (NUM_BINADES << bits) + torch.where(preds < 0, -place, place)


def smallest_in_bins(bins: Tensor, bits: int) -> Tensor:
    """The smallest float32 that each bin holds, (T,) float64."""
    place, width = bins - (NUM_BINADES << bits), 1 << (FLOAT32_BITS - bits)
    first = _pattern(SMALLEST) + (place.abs() - 1) * width
    last = torch.where(bins == 0, LARGEST_PATTERN, first + width - 1)
    pattern = torch.where(place > 0, first, torch.where(place < 0, last, _pattern(SMALLEST) - 1))
    magnitude = pattern.int().view(torch.float32).double()
    return torch.where(place > 0, magnitude, -magnitude)


def efficiencies(counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The curve at the bins that hold a sample, from the highest down.

    Args:
        counts: (2, N), background then signal.

    Returns:
        the T bins (T,) int64, and the shares of signal and of background in these bins or above,
        (T + 1,) float64 that rise from 0 to 1; NaN where the class is absent.
    """
    held = counts.sum(dim=0).nonzero().squeeze(1).flip(0)
    above = counts[:, held].cumsum(1).double()
    shares = torch.nn.functional.pad(above, (1, 0)) / counts.sum(dim=1, keepdim=True)
    return held, shares[1], shares[0]


def area_in_bins(counts: Tensor) -> tuple[Tensor, Tensor]:
    """The area under the curve, samples of one bin counted as ties, and by how much it may be off.

    With samples in a bin in the best order for signal, or the worst, the area would be greater or
    smaller by half the share of pairs (signal, background) in one bin: no order takes the exact
    area farther off. Both are float64; NaN as above.
    """
    background, signal = counts.double()
    below = background.cumsum(0) - background
    pairs = signal.sum() * background.sum()
    tied = (signal * background / 2).sum()
    return ((signal * below).sum() + tied) / pairs, tied / pairs


def rejection_in_bins(signal: Tensor, background: Tensor, wanted: float) -> Tensor:
    """Background rejection at the highest bin with this signal efficiency or more, float64.

    Args:
        signal: (T + 1,) efficiencies, as `efficiencies` returns them.
        background: (T + 1,), the same.
        wanted: the signal efficiency.
    """
    first = (signal >= wanted).long().argmax()
    absent = torch.isnan(signal[-1] + background[-1])
    return torch.where(absent, torch.nan, 1 / background[first])


def _members(target: Tensor) -> Tensor:
    """(2, B) bool, which samples belong to each class."""
    return torch.stack([target == 0, target == 1])


def _pattern(power_of_two: float) -> int:
    """The bits of a positive float32 as a whole number; greater numbers have greater ones."""
    return (round(math.log2(power_of_two)) + 127) << FLOAT32_BITS
