"""Checks of rain rates: thresholds, shapes and dtypes."""

from __future__ import annotations

import torch
from torch import Tensor

MAX_OBSERVED_RATE = 128.0
"""Observed rates are clipped at this rate, mm/h, as in NowcastNet's training data."""

ACTIVE_THRESHOLD = 5.0
"""Rate from which a pixel belongs to the active area, mm/h, as in the paper's table 2."""


def in_one_dtype(preds: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float32, or as float64 if either is; exact."""
    wide = torch.float64 in (preds.dtype, target.dtype)
    dtype = torch.float64 if wide else torch.float32
    return preds.to(dtype), target.to(dtype)


def check_frames(preds: Tensor, target: Tensor, mask: Tensor | None) -> None:
    """Raise `ValueError` for shapes or dtypes that don't fit; reads no value."""
    if preds.ndim != 4 or preds.shape != target.shape:
        raise ValueError(
            f"Predicted rain {tuple(preds.shape)} and observed rain {tuple(target.shape)} must "
            "both have shape (B, L, H, W)."
        )
    if not (preds.is_floating_point() and target.is_floating_point()):
        raise ValueError(
            "Predicted and observed rain must be floating point, "
            f"not {preds.dtype} and {target.dtype}."
        )
    if mask is not None and (mask.shape != preds.shape or mask.dtype != torch.bool):
        raise ValueError(
            f"mask must be bool of shape {tuple(preds.shape)}, True for valid pixels, "
            f"not {mask.dtype} of shape {tuple(mask.shape)}."
        )


def check_threshold(threshold: float) -> None:
    """Raise `ValueError` for a threshold at or below 0 or above the clipped observations."""
    if not 0 < threshold <= MAX_OBSERVED_RATE:
        raise ValueError(
            f"threshold={threshold} must be above 0 and at most {MAX_OBSERVED_RATE:g} mm/h, where "
            "observed rates are clipped."
        )
