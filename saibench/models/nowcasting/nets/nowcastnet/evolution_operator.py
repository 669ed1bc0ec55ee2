"""The evolution operator: at each frame, rain is advected and an intensity is added.

NowcastNet's semi-Lagrangian scheme (Zhang et al. 2023, doi:10.1038/s41586-023-06184-4, Methods):
the rain at a pixel is that of the previous frame at the pixel plus its motion. Positions outside
the field take the nearest pixel of the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


@dataclass(frozen=True)
class Evolution:
    """Prediction of the evolution network for L frames.

    Args:
        fields: (B, L, H, W) in mm/h, the evolved last observed frame.
        motion: (B, L, 2, H, W) in pixels per frame, x (column) before y (row), pointing to the
            origin of the rain.
        intensity: (B, L, H, W) in mm/h, the rain that a frame adds.
    """

    fields: Tensor
    motion: Tensor
    intensity: Tensor


def warp(
    field: Tensor, motion: Tensor, mode: Literal["nearest", "bilinear"] = "bilinear"
) -> Tensor:
    """`field` at each pixel plus its motion.

    Positions are at least float32, also under autocast: bfloat16 can't count 512 pixels.

    Args:
        field: (B, C, H, W).
        motion: (B, 2, H, W) in pixels, x before y.
        mode: `nearest` does not smooth, but has no gradient by the motion; `bilinear` has one, and
            smooths.

    Returns:
        (B, C, H, W), at least float32.
    """
    height, width = field.shape[-2:]
    dtype = torch.promote_types(torch.promote_types(field.dtype, motion.dtype), torch.float32)
    x, y = motion.to(dtype).unbind(dim=1)
    columns = torch.arange(width, device=motion.device, dtype=dtype)
    rows = torch.arange(height, device=motion.device, dtype=dtype).unsqueeze(1)
    positions = torch.stack(
        (2 * (columns + x) / max(width - 1, 1) - 1, 2 * (rows + y) / max(height - 1, 1) - 1), dim=-1
    )
    with torch.autocast(field.device.type, enabled=False):
        return grid_sample(
            field.to(dtype), positions, mode=mode, padding_mode="border", align_corners=True
        )


def evolve(start: Tensor, motion: Tensor, intensity: Tensor) -> Evolution:
    """Evolve the last observed frame step by step.

    Rain is advected to the nearest pixel, without smoothing. Gradients do not pass to the previous
    step (Methods): a frame trains only its own intensity, and `advected` trains its motion.

    Args:
        start: (B, H, W) in mm/h, the last observed frame.
        motion: (B, L, 2, H, W), as in `Evolution`.
        intensity: (B, L, H, W), as in `Evolution`.
    """
    frame, frames = start.unsqueeze(1), []
    for step in range(motion.shape[1]):
        frame = warp(frame.detach(), motion[:, step], "nearest") + intensity[:, step, None]
        frames.append(frame)
    return Evolution(torch.cat(frames, dim=1), motion, intensity)


def advected(start: Tensor, evolution: Evolution) -> Tensor:
    """Each frame advected bilinearly, before its intensity is added, to train the motion.

    Args:
        start: (B, H, W) in mm/h, the last observed frame.
        evolution: of that frame.

    Returns:
        (B, L, H, W) in mm/h; frame t has a gradient only by the motion of frame t.
    """
    before = torch.cat((start.unsqueeze(1), evolution.fields[:, :-1]), dim=1).detach()
    moved = warp(before.flatten(0, 1).unsqueeze(1), evolution.motion.flatten(0, 1), "bilinear")
    return moved.view_as(evolution.fields)
