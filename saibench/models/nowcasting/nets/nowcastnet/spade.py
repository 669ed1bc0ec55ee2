"""Residual blocks conditioned on the evolved rain at every level (SPADE; Park et al. 2019)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, instance_norm, leaky_relu

from saibench.models.nowcasting.nets.nowcastnet.spectral_norm import SpectralConv2d

SLOPE = 0.2
"""Of the leaky ReLU in the decoder."""


class SPADE(nn.Module):
    """Instance normalisation, then scale and shift by maps of the evolved rain.

    Args:
        channels: channels of the features.
        leads: number of evolved frames.
        hidden: width of the two-layer network of the maps.
    """

    def __init__(self, channels: int, leads: int, hidden: int):
        super().__init__()
        self.mlp_shared = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(leads, hidden, 3), nn.ReLU(inplace=True)
        )
        self.pad = nn.ReflectionPad2d(1)
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3)

    def modulation(self, evolved: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift (B, channels, h, w) of the evolved rain (B, L, h, w)."""
        hidden = self.pad(self.mlp_shared(evolved))
        return 1 + self.mlp_gamma(hidden), self.mlp_beta(hidden)

    def forward(self, features: Tensor, guide: Guide) -> Tensor:
        scale, shift = guide.modulation(self, features.shape[-1])
        return instance_norm(features) * scale + shift


class Guide:
    """The evolved rain at the sizes of the decoder's blocks, and its maps of scale and shift.

    The maps don't depend on the noise, and take most of a decoder's time. For several draws of
    one event they are computed once and cached, in 2.7 KB per pixel of the field at the published
    width (0.7 GB at 512²).

    Args:
        evolved: (B, L, H, W), in units of 128 mm/h.
        remember: cache the maps of every SPADE for the next draw.
    """

    def __init__(self, evolved: Tensor, remember: bool = False):
        self.by_width = {evolved.shape[-1]: evolved}
        self.evolved = evolved
        self.remember = remember
        self.remembered: dict[SPADE, tuple[Tensor, Tensor]] = {}

    def modulation(self, spade: SPADE, width: int) -> tuple[Tensor, Tensor]:
        """Scale and shift of a SPADE whose features have this width."""
        if spade in self.remembered:
            return self.remembered[spade]
        maps = spade.modulation(self._at(width))
        if self.remember:
            self.remembered[spade] = maps
        return maps

    def _at(self, width: int) -> Tensor:
        """The evolved rain, averaged to this width, a divisor of the field's."""
        if width not in self.by_width:
            self.by_width[width] = avg_pool2d(self.evolved, self.evolved.shape[-1] // width)
        return self.by_width[width]


class GenBlock(nn.Module):
    """One or two conditioned 3×3 convolutions with a shortcut; (B, in, h, w) → (B, out, h, w).

    A block of one convolution has unused weights of a second one, as in the published checkpoint.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        leads: number of evolved frames.
        hidden: width within each SPADE.
        double: two convolutions.
    """

    def __init__(
        self, channels_in: int, channels_out: int, leads: int, hidden: int, double: bool = False
    ):
        super().__init__()
        between = min(channels_in, channels_out)
        reflected = {"padding": 1, "padding_mode": "reflect"}
        self.is_double = double
        self.has_shortcut = channels_in != channels_out
        self.conv_0 = SpectralConv2d(channels_in, between, 3, **reflected)
        self.conv_1 = SpectralConv2d(between, channels_out, 3, **reflected)
        if self.has_shortcut:
            self.conv_s = SpectralConv2d(channels_in, channels_out, 1, bias=False)
        self.norm_0 = SPADE(channels_in, leads, hidden)
        self.norm_1 = SPADE(between, leads, hidden)
        if self.has_shortcut:
            self.norm_s = SPADE(channels_in, leads, hidden)

    def forward(self, features: Tensor, guide: Guide) -> Tensor:
        change = self.conv_0(leaky_relu(self.norm_0(features, guide), SLOPE))
        if self.is_double:
            change = self.conv_1(leaky_relu(self.norm_1(change, guide), SLOPE))
        if self.has_shortcut:
            features = self.conv_s(self.norm_s(features, guide))
        return features + change
