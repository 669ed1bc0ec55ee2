"""Frames and parameters as channels of one tensor."""

from __future__ import annotations

import torch
from torch import Tensor


def stacked(fields: Tensor, parameters: Tensor) -> Tensor:
    """`(B, H C + P, *grid)`, with each parameter as a constant channel.

    Args:
        fields: `(B, H, C, *grid)`.
        parameters: `(B, P)`.
    """
    frames = fields.flatten(1, 2)
    constant = parameters.view(*parameters.shape, *[1] * (frames.ndim - 2))
    return torch.cat([frames, constant.expand(-1, -1, *frames.shape[2:])], dim=1)
