"""Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957), in the two forms of NowcastNet.

A weight W, as a matrix with one row per output channel, is divided by σ ≈ uᵀWv, where u and v
converge to W's first singular vectors by one power iteration per training step. In the evolution
network, the encoder and the decoder, u and v are buffers, as in `torch.nn.utils.spectral_norm`; in
the noise projector they are parameters without gradient (`projector`). Both use the weight's
precision, also under autocast: σ in bfloat16 would change the scale of a layer by up to 0.4 %.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

EPSILON = 1e-12

FIRST_ITERATIONS = 15
"""Number of iterations for a new weight, as in `torch.nn.utils.parametrizations`."""


def power_iteration(weight: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """One step towards the first singular vectors of `weight`.

    Args:
        weight: (C, ...) of C output channels.
        u: (C,) of unit norm.

    Returns:
        u (C,) and v (weight.numel() / C,), of unit norm and without gradient.
    """
    with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
        matrix = weight.flatten(1)
        v = normalize(matrix.mT @ u, dim=0, eps=EPSILON)
        return normalize(matrix @ v, dim=0, eps=EPSILON), v


def divide_by_norm(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """`weight` / (uᵀWv), with constant u and v in the gradient."""
    with torch.autocast(weight.device.type, enabled=False):
        return weight / torch.dot(u, torch.mv(weight.flatten(1), v))


def singular_vectors(weight: Tensor) -> tuple[Tensor, Tensor]:
    """u and v of a new weight, by a few iterations from a random start.

    Without them σ may be near 0, and an untrained net may predict 10²⁰ mm/h.
    """
    u = normalize(torch.randn(len(weight)), dim=0, eps=EPSILON)
    for _ in range(FIRST_ITERATIONS):
        u, v = power_iteration(weight, u)
    return u, v


class SpectralConv2d(nn.Conv2d):
    """A convolution divided by its spectral norm; one power iteration per forward in training.

    Names, order, values and gradients equal `torch.nn.utils.spectral_norm(nn.Conv2d(...))`:
    `bias`, `weight_orig`, and the buffers `weight_u`, `weight_v`. Unlike there, a trained module
    can be copied. Arguments are those of `nn.Conv2d`.
    """

    weight_orig: nn.Parameter
    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, **settings: Any):
        super().__init__(in_channels, out_channels, kernel_size, **settings)
        weight = self.weight
        del self.weight
        self.weight_orig = nn.Parameter(weight.detach())
        u, v = singular_vectors(weight)
        self.register_buffer("weight_u", u)
        self.register_buffer("weight_v", v)

    def forward(self, features: Tensor) -> Tensor:
        u, v = self.weight_u, self.weight_v
        if self.training:
            u, v = power_iteration(self.weight_orig, u)
            self.weight_u.copy_(u)
            self.weight_v.copy_(v)
        weight = divide_by_norm(self.weight_orig, u, v)
        return self._conv_forward(features, weight, self.bias)
