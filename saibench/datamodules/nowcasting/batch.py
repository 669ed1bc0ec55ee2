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
        mask: `(B, L, H, W)` bool, True where the target is observed.
        pixel_km: side of a pixel in km.
        sample_weight: weight of an event in the loss, see `TrainingBatches.weight`.
        motion: `(B, 2, H, W)` true motion along x and y in pixels per frame, or None.
        source: `(B, L, H, W)` true source of each target frame in mm/h, or None.
        draws: number of predictions per event, or None for one.
    """

    sample_id: Tensor
    observed: Tensor
    target: Tensor
    mask: Tensor
    pixel_km: float
    sample_weight: float = 0.0
    motion: Tensor | None = None
    source: Tensor | None = None
    draws: int | None = None
