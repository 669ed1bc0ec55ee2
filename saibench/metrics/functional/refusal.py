"""Invalid input of a metric: counted on the device, reported in one sentence.

A NaN prediction is neither a small error nor a missing event, and a mean that skips it is better
than the model. So every metric counts invalid values by reason and raises when a count is not
zero. Counting reads nothing from the device; raising does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Refused(ValueError):
    """A metric got invalid input."""


def count_not_finite(values: Tensor) -> Tensor:
    """Number of NaN and infinite entries, as a 0-dim int64 tensor on the same device.

    >>> count_not_finite(torch.tensor([1.0, float("nan"), float("-inf")]))
    tensor(2)
    """
    return (~torch.isfinite(values)).sum()


def raise_if_refused(refused: Tensor, reasons: Sequence[str], by: str) -> None:
    """Raise `Refused` with every reason of non-zero count; reads `refused` from its device.

    Args:
        refused: (len(reasons),) count of each reason.
        reasons: noun phrases that end the sentence "<by> can't score ...".
        by: name of the metric.
    """
    found = [
        f"{reason} ({count} found)"
        for reason, count in zip(reasons, refused.tolist(), strict=True)
        if count
    ]
    if found:
        raise Refused(f"{by} can't score {', nor '.join(found)}.")
