"""Sums of normal equations over ranks."""

from __future__ import annotations

import torch
from torch import Tensor


def over_ranks(part: Tensor) -> Tensor:
    """The sum of the part of each rank, on all of them; on one, the part itself.

    Every rank thus holds all sums at each step, and a checkpoint, which is written by one rank, is
    complete.
    """
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        total = part.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total
    return part
