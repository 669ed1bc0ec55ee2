"""A batch of rain events."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class RainBatch:
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

    def to(self, device: Any, non_blocking: bool = False) -> RainBatch:
        """The batch on another device."""
        return self._changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> RainBatch:
        """The batch in memory that an accelerator can copy from while it computes."""
        return self._changed(Tensor.pin_memory)

    def __len__(self) -> int:
        return len(self.sample_id)

    def _changed(self, change: Any) -> RainBatch:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            self, **{name: change(v) for name, v in values.items() if torch.is_tensor(v)}
        )
