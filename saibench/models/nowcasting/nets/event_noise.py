"""Noise of stochastic nets, from a generator or by event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class EventNoise:
    """Noise that depends only on the event, the draw and the seed.

    It does not depend on the batch, the rank, the device or other draws.

    Args:
        sample_id: (B,) integers, the events of the batch.
        seed: of the evaluation.
    """

    sample_id: Tensor
    seed: int = 0

    def generators(self, draw: int = 0) -> list[np.random.Generator]:
        """An independent generator for every event."""
        events = self.sample_id.tolist()
        return [np.random.default_rng((self.seed, event, draw)) for event in events]

    def normal(self, shape: tuple[int, ...], draw: int = 0) -> Tensor:
        """Standard normal numbers (B, *shape) in float32, on the CPU."""
        drawn = [rng.standard_normal(shape, np.float32) for rng in self.generators(draw)]
        return torch.from_numpy(np.stack(drawn))


Noise = torch.Generator | EventNoise | None
"""Source of noise; None is PyTorch's global generator."""


def normal(noise: Noise, shape: tuple[int, ...], device: torch.device, draw: int = 0) -> Tensor:
    """Standard normal numbers of this shape, the batch first, in float32 on this device.

    Args:
        noise: source; a generator is used on its own device.
        shape: (B, ...).
        device: of the result.
        draw: number of the prediction of the same events; only for an `EventNoise`.
    """
    if isinstance(noise, EventNoise):
        return noise.normal(shape[1:], draw).to(device)
    source = device if noise is None else noise.device
    return torch.randn(shape, generator=noise, device=source).to(device)


def random_seeds(noise: Noise, batch: int, draw: int = 0) -> list[int]:
    """A seed below 2³¹ for each event of the batch.

    Args:
        noise: source.
        batch: B.
        draw: as for `normal`.
    """
    limit = 2**31
    if isinstance(noise, EventNoise):
        return [int(generator.integers(limit)) for generator in noise.generators(draw)]
    source = None if noise is None else noise.device
    return torch.randint(limit, (batch,), generator=noise, device=source).tolist()
