"""Synthetic jets for tests: collimated massless constituents, wider in top jets."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saibench.datamodules.jet_tagging.batch import JetBatch


def made_jets(
    jets: int = 8, constituents: int = 20, seed: int = 0, angles: Tensor | None = None
) -> JetBatch:
    """Return jets of 2 to `constituents` constituents, padded; every second is a top jet."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)

    shape = jets, constituents
    counts = torch.randint(2, constituents + 1, (jets,), generator=generator)
    counts[0] = constituents
    mask = torch.arange(constituents) < counts.unsqueeze(1)
    label = torch.arange(jets) % 2
    spread = torch.where(label == 1, 0.5, 0.1).unsqueeze(1)
    eta = uniform(-2, 2, jets, 1) + spread * torch.randn(shape, generator=generator)
    phi = uniform(-math.pi, math.pi, jets, 1) + spread * torch.randn(shape, generator=generator)
    pt = uniform(0, 6, *shape).exp()
    momenta = torch.stack(
        [pt * eta.cosh(), pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], dim=-1
    )
    return JetBatch(
        sample_id=torch.arange(100, 100 + jets),
        momenta=(momenta * mask.unsqueeze(-1)).float(),
        mask=mask,
        label=label,
        sample_weight=1 / jets,
        angles=angles,
    )


def rotated_jets(momenta: Tensor, angle: float) -> Tensor:
    """Jets `(B, P, 4)` rotated about the beam axis, in double precision."""
    energy, px, py, pz = momenta.double().unbind(-1)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.stack([energy, cos * px - sin * py, sin * px + cos * py, pz], dim=-1).to(momenta)
