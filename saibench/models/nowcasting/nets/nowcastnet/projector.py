"""The noise projector: features of an eighth of the field's size from noise of a 32nd."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from saibench.errors import UserError
from saibench.models.nowcasting.nets.nowcastnet.spectral_norm import (
    divide_by_norm,
    power_iteration,
    singular_vectors,
)

TILES, TILE = 4, 8
"""Published view of the projected noise, (B, C', 4, 4, 8, 8), for fields of 256²."""


class ProjectorConv(nn.Module):
    """A convolution with a power iteration at every forward, in evaluation too.

    u and v are parameters without gradient (`module.weight_u`, `module.weight_v`), the weight is
    `module.weight_bar`. The published network stores u and v at each iteration, so the same noise
    gives another prediction at the next call. Here evaluation starts each iteration from the
    stored u and stores nothing: a prediction depends only on its input and noise, and threads can
    share the net.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        kernel_size: odd.
        drifts: store u and v in evaluation too, as published.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int, drifts: bool):
        super().__init__()
        self.drifts = drifts
        self.padding = kernel_size // 2
        self.module = ProjectorWeights(nn.Conv2d(channels_in, channels_out, kernel_size))

    def forward(self, features: Tensor) -> Tensor:
        own = self.module
        u, v = power_iteration(own.weight_bar, own.weight_u)
        if self.training or self.drifts:
            with torch.no_grad():
                own.weight_u.copy_(u)
                own.weight_v.copy_(v)
        weight = divide_by_norm(own.weight_bar, u, v)
        return conv2d(features, weight, own.bias, padding=self.padding)


class ProjectorWeights(nn.Module):
    """Tensors of a `ProjectorConv` in the order of the checkpoint, initialised like `conv`."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        weight = conv.weight.detach()
        u, v = singular_vectors(weight)
        self.bias = conv.bias
        self.weight_u = nn.Parameter(u, requires_grad=False)
        self.weight_v = nn.Parameter(v, requires_grad=False)
        self.weight_bar = nn.Parameter(weight)


class ProjectorBlock(nn.Module):
    """A residual block with more output channels; the first have an identity shortcut."""

    def __init__(self, channels_in: int, channels_out: int, drifts: bool):
        super().__init__()
        self.one_conv = ProjectorConv(channels_in, channels_out - channels_in, 1, drifts)
        self.double_conv = nn.Sequential(
            ProjectorConv(channels_in, channels_out, 3, drifts),
            nn.ReLU(),
            ProjectorConv(channels_out, channels_out, 3, drifts),
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat((features, self.one_conv(features)), dim=1) + self.double_conv(features)


class NoiseProjector(nn.Module):
    """Noise (B, n, H/32, W/32) → features (B, 2n, H/8, W/8).

    The 32n channels of the last block are laid out in space by the published view, written for the
    8×8 noise of a field of 256²: (B, C', 4, 4, 8, 8), its axes permuted to (B, C', 8, 8, 4, 4), and
    reshaped to (B, 2n, H/8, W/8). This is no depth-to-space, not at 256² either (sixteen channels
    of a pixel are in one row), but the published weights were trained with it, so it is used for
    every size.

    Args:
        base_channels: width n.
        drifts: see `ProjectorConv`.
    """

    def __init__(self, base_channels: int, drifts: bool = False):
        super().__init__()
        n = base_channels
        self.conv_first = ProjectorConv(n, 2 * n, 3, drifts)
        self.L1 = ProjectorBlock(2 * n, 4 * n, drifts)
        self.L2 = ProjectorBlock(4 * n, 8 * n, drifts)
        self.L3 = ProjectorBlock(8 * n, 16 * n, drifts)
        self.L4 = ProjectorBlock(16 * n, 32 * n, drifts)

    def forward(self, noise: Tensor) -> Tensor:
        """Project standard normal noise.

        Raises:
            UserError: the noise of an event does not fill whole tiles, only for small fields and
                `base_channels` below 32.
        """
        batch, channels, height, width = noise.shape
        if channels * height * width % 32:
            raise UserError(
                f"model.net.base_channels={channels} × H/32 × W/32 must be a multiple of 32, also "
                f"for this field of {32 * height}×{32 * width} pixels. Use base_channels=32."
            )
        projected = self.L4(self.L3(self.L2(self.L1(self.conv_first(noise)))))
        tiles = projected.reshape(batch, -1, TILES, TILES, TILE, TILE).permute(0, 1, 4, 5, 2, 3)
        return tiles.reshape(batch, 2 * channels, 4 * height, 4 * width)
