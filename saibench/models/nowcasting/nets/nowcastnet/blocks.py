"""Blocks of the evolution network and of the generative encoder: a U-Net with residual blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saibench.models.nowcasting.nets.nowcastnet.spectral_norm import SpectralConv2d


class DoubleConv(nn.Module):
    """Sum of two normalised, activated 3×3 convolutions and one that is only normalised.

    (B, in, H, W) → (B, out, H, W).

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        channels_between: channels between the two convolutions; None: `channels_out`.
    """

    def __init__(self, channels_in: int, channels_out: int, channels_between: int | None = None):
        super().__init__()
        between = channels_between or channels_out
        self.double_conv = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.ReLU(inplace=True),
            SpectralConv2d(channels_in, between, 3, padding=1),
            nn.BatchNorm2d(between),
            nn.ReLU(inplace=True),
            SpectralConv2d(between, channels_out, 3, padding=1),
        )
        self.single_conv = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            SpectralConv2d(channels_in, channels_out, 3, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.double_conv(features) + self.single_conv(features)


class Down(nn.Module):
    """Half the size: (B, in, H, W) → (B, out, H/2, W/2)."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(channels_in, channels_out))

    def forward(self, features: Tensor) -> Tensor:
        return self.maxpool_conv(features)


class Up(nn.Module):
    """Twice the size, joined with the features that skipped the levels below.

    (B, in − skipped, H/2, W/2) and (B, skipped, H, W) → (B, out, H, W), with `in` the channels of
    both together.
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = DoubleConv(channels_in, channels_out, channels_between=channels_in // 2)

    def forward(self, below: Tensor, skipped: Tensor) -> Tensor:
        return self.conv(torch.cat((skipped, self.up(below)), dim=1))


class FullPrecisionConv2d(nn.Conv2d):
    """A convolution without autocast, for outputs that are physical quantities.

    In bfloat16 a motion of 5 pixels has an error of up to 0.016 and 64 mm/h of up to 0.25.
    """

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.to(self.weight.dtype))


class OutConv(nn.Module):
    """The 1×1 convolution at the end of a decoder, in full precision."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.conv = FullPrecisionConv2d(channels_in, channels_out, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        return self.conv(features)
