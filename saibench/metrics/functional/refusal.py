"""What a metric refuses to score: counted on the device, told to the user in one sentence.

A NaN prediction is neither a small error nor no event, and a mean that skips it looks better
than the model is. So every metric counts what it can't score in a tensor of one number a reason,
and raises when a number is not zero. Counting needs no read from the device; raising needs one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Refused(ValueError):
    """A metric was given what it can't score."""


def count_not_finite(values: Tensor) -> Tensor:
    """The number of NaN and infinite entries, as a 0-dim int64 tensor on the same device.

    >>> count_not_finite(torch.tensor([1.0, float("nan"), float("-inf")]))
    tensor(2)
    """
    return (~torch.isfinite(values)).sum()


def raise_if_refused(refused: Tensor, reasons: Sequence[str], by: str) -> None:
    """Raise `Refused` naming each reason that has been met; reads `refused` from its device.

    Args:
        refused: (len(reasons),) how often each reason was met.
        reasons: noun phrases that end the sentence "<by> can't score ...".
        by: the metric that refuses.
    """
    met = [
        f"{reason} ({count} found)"
        for reason, count in zip(reasons, refused.tolist(), strict=True)
        if count
    ]
    if met:
        raise Refused(f"{by} can't score {', nor '.join(met)}.")
