"""Persistence: the last observed frame does not change."""

from __future__ import annotations

from torch import Tensor, nn

from saibench.models.nowcasting.nets.event_noise import Noise


class Persistence(nn.Module):
    """The last observed frame at every lead time.

    Args:
        leads: number of predicted frames, L.
    """

    def __init__(self, leads: int = 20) -> None:
        super().__init__()
        self.leads = leads

    def forward(self, observed: Tensor, noise: Noise = None) -> Tensor:
        """Rain (B, L, H, W) in mm/h, of observed (B, T, H, W); noise is unused."""
        return observed[:, -1:].repeat(1, self.leads, 1, 1)
