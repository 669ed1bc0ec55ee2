"""Randomness of stochastic nets: drawn as it comes, or tied to the event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class EventNoise:
    """Noise that depends on the event, the draw and the seed alone.

    Neither the batch, nor the rank, nor the device an event meets changes its prediction, and
    draw 7 is the same whether or not the first six are made.

    Args:
        sample_id: (B,) integers, the events of the batch.
        seed: of the whole evaluation.
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
"""Where a stochastic net takes its noise from; None is PyTorch's global generator."""


def normal(noise: Noise, shape: tuple[int, ...], device: torch.device, draw: int = 0) -> Tensor:
    """Standard normal numbers of this shape, the batch first, in float32 on this device.

    Args:
        noise: source; a generator of another device is used where it is.
        shape: (B, ...).
        device: of the result.
        draw: number of the prediction of the same events; an `EventNoise` alone asks.
    """
    if isinstance(noise, EventNoise):
        return noise.normal(shape[1:], draw).to(device)
    source = device if noise is None else noise.device
    return torch.randn(shape, generator=noise, device=source).to(device)


def random_seeds(noise: Noise, batch: int, draw: int = 0) -> list[int]:
    """A seed for each event of the batch, for libraries that want one; below 2³¹.

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
