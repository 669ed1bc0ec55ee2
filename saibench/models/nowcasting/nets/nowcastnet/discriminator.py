"""The temporal discriminator, for training only; no checkpoint has been published."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, leaky_relu, pad

from saibench.models.nowcasting.nets.nowcastnet.spectral_norm import SpectralConv2d

SLOPE = 0.2


class TemporalDiscriminator(nn.Module):
    """Classifies frames after the observed ones as real or predicted, by patches.

    Zhang et al. 2023 (Extended Data Fig. 1c) describe it in words: the observed and the following
    frames together, first parallel 3-D convolutions of several temporal kernels, from 4 frames to
    the full horizon, then spectrally normalised blocks. The channels were not published; those of
    this implementation are: kernels of 4, T, L and T + L frames by 9×9 pixels at stride 2, with 2,
    4, 8 and 64 channels at n = 32, a similar number of maps for each kernel; residual blocks with
    4n, 8n and 16n channels, each of half the size, and one more of 16n; logits of patches of 16×16
    pixels. There is no batch normalisation, so the events of a batch are independent.

    Args:
        observed: number of observed frames, T.
        leads: number of following frames, L.
        base_channels: width n.
    """

    def __init__(self, observed: int = 9, leads: int = 20, base_channels: int = 32):
        super().__init__()
        n = base_channels
        horizon = self.horizon = observed + leads
        kernels = {4: n // 16, observed: n // 8, leads: n // 4, horizon: 2 * n}
        channels = {frames: max(1, count) for frames, count in kernels.items()}
        self.temporal = nn.ModuleList(
            nn.Conv3d(1, count, (frames, 9, 9), stride=(1, 2, 2), padding=(0, 4, 4))
            for frames, count in channels.items()
        )
        maps = sum(count * (horizon - frames + 1) for frames, count in channels.items())
        self.blocks = nn.Sequential(
            DiscriminatorBlock(maps, 4 * n, halve=True),
            DiscriminatorBlock(4 * n, 8 * n, halve=True),
            DiscriminatorBlock(8 * n, 16 * n, halve=True),
            DiscriminatorBlock(16 * n, 16 * n, halve=False),
        )
        self.logits = SpectralConv2d(16 * n, 1, 3, padding=1)

    def forward(self, observed: Tensor, following: Tensor) -> Tensor:
        """Logits (B, H/16, W/16) of the frames being real.

        Args:
            observed: (B, T, H, W) in mm/h; H and W multiples of 16.
            following: (B, L, H, W) in mm/h, observed or predicted.
        """
        maps = self.temporal_maps(torch.cat((observed, following), dim=1))
        return self.logits(leaky_relu(self.blocks(maps), SLOPE)).squeeze(1)

    def temporal_maps(self, frames: Tensor) -> Tensor:
        """Maps (B, M, H/2, W/2) of frames (B, T + L, H, W), ordered by channel, then time.

        One 2-D convolution over all frames, with zeros outside a kernel's frames: twice the
        arithmetic of the 3-D convolutions of one channel, but much faster.
        """
        kernels, biases = [], []
        for name, values in self.temporal.named_parameters():
            if name.endswith(".weight"):
                kernels.append(at_every_time(values[:, 0], self.horizon))
            else:  # a bias follows its weight
                biases.append(values.repeat_interleave(len(kernels[-1]) // len(values)))
        return conv2d(frames, torch.cat(kernels), torch.cat(biases), stride=2, padding=4)


def at_every_time(kernel: Tensor, horizon: int) -> Tensor:
    """A kernel (C, F, h, w) of F frames, zero-padded to `horizon` frames at each time.

    Returns:
        (C * (horizon - F + 1), horizon, h, w), ordered by channel, then time.
    """
    spare = horizon - kernel.shape[1]
    padded = pad(kernel, (0, 0, 0, 0, 0, spare))
    return torch.stack([padded.roll(time, 1) for time in range(spare + 1)], 1).flatten(0, 1)


class DiscriminatorBlock(nn.Module):
    """Two activated, spectrally normalised 3×3 convolutions with a 1×1 shortcut."""

    def __init__(self, channels_in: int, channels_out: int, halve: bool):
        super().__init__()
        self.halve = halve
        self.conv_0 = SpectralConv2d(channels_in, channels_out, 3, padding=1)
        self.conv_1 = SpectralConv2d(channels_out, channels_out, 3, padding=1)
        self.conv_s = SpectralConv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        if self.halve:
            features = avg_pool2d(features, 2)
        change = self.conv_0(leaky_relu(features, SLOPE))
        change = self.conv_1(leaky_relu(change, SLOPE))
        return self.conv_s(features) + change
