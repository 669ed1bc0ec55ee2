"""The encoder of the generative network."""

from __future__ import annotations

from torch import Tensor, nn

from saibench.models.nowcasting.nets.nowcastnet.blocks import DoubleConv, Down


class GenerativeEncoder(nn.Module):
    """Observed and evolved frames (B, frames, H, W) → features (B, 8n, H/8, W/8).

    Args:
        frames: number of observed and evolved frames.
        base_channels: width n.
    """

    def __init__(self, frames: int, base_channels: int):
        super().__init__()
        n = base_channels
        self.inc = DoubleConv(frames, n)
        self.down1 = Down(n, 2 * n)
        self.down2 = Down(2 * n, 4 * n)
        self.down3 = Down(4 * n, 8 * n)

    def forward(self, frames: Tensor) -> Tensor:
        return self.down3(self.down2(self.down1(self.inc(frames))))
