"""Sums of normal equations over ranks."""

from __future__ import annotations

import torch
from torch import Tensor


def over_ranks(sums: Tensor) -> Tensor:
    """The sum over all ranks; on one, a copy."""
    total = sums.clone()
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        torch.distributed.all_reduce(total)
    return total
