"""Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957), in the two forms of NowcastNet.

A weight W, seen as a matrix with one row an output channel, is divided by σ ≈ uᵀWv, where u and v
approach W's first singular vectors by one power iteration a training step. The evolution network,
the encoder and the decoder keep u and v as buffers, as torch's older `torch.nn.utils.spectral_norm`
does; the noise projector keeps them as parameters without gradient (`projector`). Both compute in
the weight's own precision, under autocast too: σ in bfloat16 would scale a layer by up to 0.4 %.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

EPSILON = 1e-12

FIRST_ITERATIONS = 15
"""Of a fresh weight; as many as `torch.nn.utils.parametrizations.spectral_norm` makes."""


def power_iteration(weight: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """One step towards the first singular vectors of `weight`.

    Args:
        weight: (C, ...) of C output channels.
        u: (C,) of unit length.

    Returns:
        u (C,) and v (weight.numel() / C,), of unit length and without gradient.
    """
    with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
        matrix = weight.flatten(1)
        v = normalize(matrix.mT @ u, dim=0, eps=EPSILON)
        return normalize(matrix @ v, dim=0, eps=EPSILON), v


def divide_by_norm(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """`weight` / (uᵀWv); the gradient takes u and v for constants."""
    with torch.autocast(weight.device.type, enabled=False):
        return weight / torch.dot(u, torch.mv(weight.flatten(1), v))


def singular_vectors(weight: Tensor) -> tuple[Tensor, Tensor]:
    """u and v of a fresh weight: a few iterations from a random start.

    Without them σ is anything, near 0 too, and a net that is evaluated before it is trained
    predicts 10²⁰ mm/h.
    """
    u = normalize(torch.randn(len(weight)), dim=0, eps=EPSILON)
    for _ in range(FIRST_ITERATIONS):
        u, v = power_iteration(weight, u)
    return u, v


class SpectralConv2d(nn.Conv2d):
    """A convolution divided by its spectral norm; one power iteration a forward in training.

    Same names, order, numbers and gradients as `torch.nn.utils.spectral_norm(nn.Conv2d(...))`:
    `bias`, `weight_orig`, and the buffers `weight_u`, `weight_v`. Unlike it, a trained module can
    be copied. Arguments are those of `nn.Conv2d`.
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
