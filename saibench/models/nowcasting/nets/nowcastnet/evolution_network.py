"""The network that predicts motion and growth of rain from the observed frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saibench.models.nowcasting.nets.nowcastnet.blocks import DoubleConv, Down, OutConv, Up


class EvolutionNetwork(nn.Module):
    """A U-Net of one encoder and two decoders, for intensity and for motion (`_v`).

    The intensity is multiplied by `gamma`, initially 0: an untrained network only moves rain.

    Args:
        observed: number of observed frames, T.
        leads: number of predicted frames, L.
        base_channels: width n; the levels have n, 2n, 4n, 8n and 8n channels.
    """

    def __init__(self, observed: int, leads: int, base_channels: int):
        super().__init__()
        n = base_channels
        self.leads = leads
        self.inc = DoubleConv(observed, n)
        self.down1 = Down(n, 2 * n)
        self.down2 = Down(2 * n, 4 * n)
        self.down3 = Down(4 * n, 8 * n)
        self.down4 = Down(8 * n, 8 * n)
        self.up1 = Up(16 * n, 4 * n)
        self.up2 = Up(8 * n, 2 * n)
        self.up3 = Up(4 * n, n)
        self.up4 = Up(2 * n, n)
        self.outc = OutConv(n, leads)
        self.gamma = nn.Parameter(torch.zeros(1, leads, 1, 1))
        self.up1_v = Up(16 * n, 4 * n)
        self.up2_v = Up(8 * n, 2 * n)
        self.up3_v = Up(4 * n, n)
        self.up4_v = Up(2 * n, n)
        self.outc_v = OutConv(n, 2 * leads)

    def forward(self, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Motion and intensity of every lead time.

        Args:
            observed: (B, T, H, W) in mm/h; H and W multiples of 16.

        Returns:
            motion (B, L, 2, H, W) in pixels per frame, x before y, and intensity (B, L, H, W), the
            mm/h that a frame adds.
        """
        levels = [self.inc(observed)]
        for down in (self.down1, self.down2, self.down3, self.down4):
            levels.append(down(levels[-1]))
        intensity = motion = levels.pop()
        for up, skipped in zip((self.up1, self.up2, self.up3, self.up4), levels[::-1], strict=True):
            intensity = up(intensity, skipped)
        motion_decoder = (self.up1_v, self.up2_v, self.up3_v, self.up4_v)
        for up, skipped in zip(motion_decoder, levels[::-1], strict=True):
            motion = up(motion, skipped)
        intensity = self.outc(intensity) * self.gamma
        return self.outc_v(motion).unflatten(1, (self.leads, 2)), intensity
