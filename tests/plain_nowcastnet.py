"""Reference implementation of NowcastNet in evaluation, from the tensors of a state dict.

One function per step of the published description, with NumPy and SciPy if possible, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates
from torch import Tensor


@dataclass(frozen=True)
class PlainNowcastNet:
    """Predicts from a state dict in float64.

    Args:
        state: state dict of a `NowcastNet`.
    """

    state: dict[str, Tensor]

    def predict(self, observed: Tensor, noise: Tensor) -> Tensor:
        """(B, L, H, W) mm/h of observed (B, T, H, W) mm/h and noise (B, n, H/32, W/32)."""
        motion, intensity = self.motion_and_intensity(observed)
        evolved = advect(observed[:, -1], motion, intensity) / 128
        features = torch.cat((observed, evolved), dim=1)
        features = self.residual("gen_enc.inc", features)
        for level in (1, 2, 3):
            features = self.halved(f"gen_enc.down{level}", features)
        features = torch.cat((features, published_view(self.projected(noise))), dim=1)
        return self.decoded(features, evolved)

    def motion_and_intensity(self, observed: Tensor) -> tuple[Tensor, Tensor]:
        levels = [self.residual("evo_net.inc", observed)]
        for level in (1, 2, 3, 4):
            levels.append(self.halved(f"evo_net.down{level}", levels[-1]))
        outputs = []
        for suffix in ("", "_v"):
            x = levels[4]
            for level, skipped in zip((1, 2, 3, 4), reversed(levels[:4]), strict=True):
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
                name = f"evo_net.up{level}{suffix}.conv"
                x = self.residual(name, torch.cat((skipped, x), dim=1))
            outputs.append(self.conv(f"evo_net.outc{suffix}.conv", x))
        intensity, motion = outputs
        batch, leads, height, width = intensity.shape
        motion = motion.reshape(batch, leads, 2, height, width)
        return motion, intensity * self.state["evo_net.gamma"]

    def halved(self, name: str, x: Tensor) -> Tensor:
        return self.residual(f"{name}.maxpool_conv.1", F.max_pool2d(x, 2))

    def residual(self, name: str, x: Tensor) -> Tensor:
        one = self.spectral(f"{name}.single_conv.1", self.batch_norm(f"{name}.single_conv.0", x))
        two = self.batch_norm(f"{name}.double_conv.0", x).relu()
        two = self.spectral(f"{name}.double_conv.2", two)
        two = self.batch_norm(f"{name}.double_conv.3", two).relu()
        return one + self.spectral(f"{name}.double_conv.5", two)

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        mean, variance, scale, shift = (
            self.state[f"{name}.{part}"].reshape(1, -1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def conv(self, name: str, x: Tensor, reflect: bool = False) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return same_size(x, weight, self.state[f"{name}.bias"], reflect)

    def spectral(self, name: str, x: Tensor, reflect: bool = False) -> Tensor:
        weight = self.state[f"{name}.weight_orig"]
        u, v = self.state[f"{name}.weight_u"], self.state[f"{name}.weight_v"]
        sigma = u @ weight.flatten(1) @ v
        return same_size(x, weight / sigma, self.state.get(f"{name}.bias"), reflect)

    def projected(self, noise: Tensor) -> Tensor:
        x = self.iterated("proj.conv_first", noise)
        for level in (1, 2, 3, 4):
            name = f"proj.L{level}"
            hidden = self.iterated(f"{name}.double_conv.0", x).relu()
            wider = torch.cat((x, self.iterated(f"{name}.one_conv", x)), dim=1)
            x = wider + self.iterated(f"{name}.double_conv.2", hidden)
        return x

    def iterated(self, name: str, x: Tensor) -> Tensor:
        weight = self.state[f"{name}.module.weight_bar"]
        matrix = weight.flatten(1).numpy()
        v = matrix.T @ self.state[f"{name}.module.weight_u"].numpy()
        v /= np.linalg.norm(v)
        u = matrix @ v
        sigma = np.linalg.norm(u)  # uᵀWv with u = Wv / |Wv|
        return same_size(x, weight / sigma, self.state[f"{name}.module.bias"], reflect=False)

    def decoded(self, features: Tensor, evolved: Tensor) -> Tensor:
        x = self.conv("gen_dec.fc", features)
        for name, twice, convolutions in (
            ("head_0", False, 1),
            ("G_middle_0", True, 2),
            ("G_middle_1", False, 2),
            ("up_0", True, 1),
            ("up_1", True, 2),
            ("up_2", False, 2),
        ):
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) if twice else x
            x = self.steered(f"gen_dec.{name}", x, evolved, convolutions)
        return self.conv("gen_dec.conv_img", F.leaky_relu(x, 0.2))

    def steered(self, name: str, x: Tensor, evolved: Tensor, convolutions: int) -> Tensor:
        change = x
        for number in range(convolutions):
            change = F.leaky_relu(self.spade(f"{name}.norm_{number}", change, evolved), 0.2)
            change = self.spectral(f"{name}.conv_{number}", change, reflect=True)
        if f"{name}.conv_s.weight_orig" in self.state:
            x = self.spectral(f"{name}.conv_s", self.spade(f"{name}.norm_s", x, evolved))
        return x + change

    def spade(self, name: str, x: Tensor, evolved: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        variance = x.var(dim=(2, 3), keepdim=True, correction=0)
        window = evolved.shape[-1] // x.shape[-1]
        hidden = self.conv(f"{name}.mlp_shared.1", F.avg_pool2d(evolved, window), reflect=True)
        scale = 1 + self.conv(f"{name}.mlp_gamma", hidden.relu(), reflect=True)
        shift = self.conv(f"{name}.mlp_beta", hidden.relu(), reflect=True)
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


def same_size(x: Tensor, weight: Tensor, bias: Tensor | None, reflect: bool) -> Tensor:
    """Convolve with zero or reflection padding to the same size."""
    border = weight.shape[-1] // 2
    x = F.pad(x, (border,) * 4, mode="reflect" if reflect else "constant")
    return F.conv2d(x, weight, bias)


def advect(start: Tensor, motion: Tensor, intensity: Tensor) -> Tensor:
    """Apply the evolution operator with SciPy: backward, nearest pixel, edge padding."""
    batch, leads, height, width = intensity.shape
    rows, columns = np.mgrid[:height, :width]
    evolved = np.empty(intensity.shape)
    for event in range(batch):
        field = start[event].numpy()
        for lead in range(leads):
            x, y = motion[event, lead].numpy()
            moved = map_coordinates(field, [rows + y, columns + x], order=0, mode="nearest")
            field = moved + intensity[event, lead].numpy()
            evolved[event, lead] = field
    return torch.from_numpy(evolved)


def published_view(projected: Tensor) -> Tensor:
    """Rearrange (B, 32n, h, w) to (B, 2n, 4h, 4w) by index arithmetic.

    The values of an event are read as (C', 4, 4, 8, 8), and the axes of length 8 move before those
    of length 4.
    """
    batch, channels, height, width = projected.shape
    flat = projected.reshape(batch, -1).numpy()
    listed = np.empty_like(flat)
    for place in range(flat.shape[1]):
        rest, four_b = divmod(place, 4)
        rest, four_a = divmod(rest, 4)
        rest, eight_b = divmod(rest, 8)
        group, eight_a = divmod(rest, 8)
        listed[:, place] = flat[
            :, (((group * 4 + four_a) * 4 + four_b) * 8 + eight_a) * 8 + eight_b
        ]
    return torch.from_numpy(listed).reshape(batch, channels // 16, 4 * height, 4 * width)
