"""A batch of rain events."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saibench.datamodules.batch import TensorBatch


@dataclass(frozen=True)
class RainBatch(TensorBatch):
    """B events of H x W pixels.

    Args:
        sample_id: `(B,)`.
        observed: `(B, T, H, W)` rain rate in mm/h, 0 where it is missing.
        target: `(B, L, H, W)` rain rate in mm/h, 0 where it is missing.
        mask: `(B, L, H, W)` bool, where the target is known.
        pixel_km: side of a pixel.
        event_weight: weight of an event in the loss: 1 / B on one rank; on more, ranks / global
            batch, so that the mean over ranks is the mean over events, however they are dealt.
        motion: `(B, 2, H, W)` true motion along x and y in pixels per frame, or None.
        source: `(B, L, H, W)` true source of each target frame in mm/h, or None.
        draws: how often each event is to be predicted, or None for once.
    """

    sample_id: Tensor
    observed: Tensor
    target: Tensor
    mask: Tensor
    pixel_km: float
    event_weight: float = 0.0
    motion: Tensor | None = None
    source: Tensor | None = None
    draws: int | None = None
