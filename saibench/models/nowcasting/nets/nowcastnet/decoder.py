"""The decoder of the generative network: predicted rain from features and noise."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from saibench.models.nowcasting.nets.nowcastnet.blocks import FullPrecisionConv2d
from saibench.models.nowcasting.nets.nowcastnet.spade import SLOPE, GenBlock, Guide


class GenerativeDecoder(nn.Module):
    """Features (B, 10n, H/8, W/8) → rain (B, L, H, W) in mm/h, conditioned on the evolved rain.

    Args:
        leads: number of predicted frames, L.
        base_channels: width n.
    """

    def __init__(self, leads: int, base_channels: int):
        super().__init__()
        n, hidden = base_channels, 2 * base_channels
        self.fc = nn.Conv2d(10 * n, 8 * n, 3, padding=1)
        self.head_0 = GenBlock(8 * n, 8 * n, leads, hidden)
        self.G_middle_0 = GenBlock(8 * n, 4 * n, leads, hidden, double=True)
        self.G_middle_1 = GenBlock(4 * n, 4 * n, leads, hidden, double=True)
        self.up_0 = GenBlock(4 * n, 2 * n, leads, hidden)
        self.up_1 = GenBlock(2 * n, n, leads, hidden, double=True)
        self.up_2 = GenBlock(n, n, leads, hidden, double=True)
        self.conv_img = FullPrecisionConv2d(n, leads, 3, padding=1)

    def forward(self, features: Tensor, guide: Guide) -> Tensor:
        rain = self.head_0(self.fc(features), guide)
        rain = self.G_middle_1(self.G_middle_0(_twice(rain), guide), guide)
        rain = self.up_0(_twice(rain), guide)
        rain = self.up_2(self.up_1(_twice(rain), guide), guide)
        return self.conv_img(leaky_relu(rain, SLOPE))


def _twice(features: Tensor) -> Tensor:
    return interpolate(features, scale_factor=2, mode="nearest")
