"""Errors of an evolution due to the motion and due to the source, if both are known.

A net predicts two terms of the continuity equation dx/dt + (v . grad) x = s (paper eq. 3). In
simulated rain both are known exactly, so each can be replaced by the truth: the remaining error is
that of the other term and of the scheme. The error of the scheme remains with both terms true:
pixels are interpolated at every step, and inflow over the border was not observed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from saibench.datamodules.nowcasting.event import MINUTES_PER_FRAME
from saibench.models.nowcasting.nets.nowcastnet.evolution_operator import Evolution, warp


def truth_statistics(
    evolution: Evolution,
    start: Tensor,
    target: Tensor,
    motion: Tensor,
    source: Tensor,
    pixel_km: float,
    frame_minutes: int = MINUTES_PER_FRAME,
) -> dict[str, Tensor]:
    """Errors `(B, L)` of motion and source, and of the rain due to each.

    Args:
        evolution: prediction; its motion points to the origin of the rain.
        start: `(B, H, W)` in mm/h, the last observed frame.
        target: `(B, L, H, W)` in mm/h.
        motion: `(B, 2, H, W)` in pixels per frame, the true motion, in the direction of the flow.
        source: `(B, L, H, W)` in mm/h, the true source of each frame.
        pixel_km: edge of a pixel.
        frame_minutes: between two frames.
    """
    true_origin = -motion.unsqueeze(1).expand_as(evolution.motion)
    kmh = pixel_km * 60 / frame_minutes
    distance = kmh * (evolution.motion - true_origin).norm(dim=2)
    rain = target.sum(dim=(-2, -1))
    return {
        "lead/motion_error": (distance * target).sum(dim=(-2, -1)) / rain,
        "lead/motion_error.defined": rain > 0,
        "lead/source_error": (evolution.intensity - source).abs().mean(dim=(-2, -1)),
        "lead/velocity_part": _error(start, evolution.motion, source, target),
        "lead/source_part": _error(start, true_origin, evolution.intensity, target),
        "lead/scheme_part": _error(start, true_origin, source, target),
    }


def _error(start: Tensor, motion: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error `(B, L)` of rain evolved with this motion and source."""
    frame, errors = start.unsqueeze(1), []
    for lead in range(motion.shape[1]):
        frame = (warp(frame, motion[:, lead], "bilinear") + source[:, lead, None]).clamp(min=0)
        errors.append((frame[:, 0] - target[:, lead]).abs().mean(dim=(-2, -1)))
    return torch.stack(errors, dim=1)
