"""Forecasts without a parameter."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Persistence(nn.Module):
    """The last observed frame at every lead."""

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`; parameters are unused."""
        return fields[:, -1]


class MeanField(nn.Module):
    """The mean of the training partition at every lead and point."""

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`; inputs are unused."""
        return torch.zeros_like(fields[:, -1])


class ZeroField(nn.Module):
    """Zero at every lead and point, in the unit of the data.

    Args:
        mean, std: of each channel in the training partition.
    """

    zero: Tensor

    def __init__(self, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)) -> None:
        super().__init__()
        zero = [-one / spread for one, spread in zip(mean, std, strict=True)]
        self.register_buffer("zero", torch.tensor(zero), persistent=False)

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`; inputs are unused."""
        zero = self.zero.to(fields).view(1, -1, *[1] * (fields.ndim - 3))
        return zero.expand_as(fields[:, -1]).clone()
