"""The totals behind `rain_frame_sums` in PyTorch, for any device, plain or compiled."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from saibench.metrics.nowcasting.functional.rain_input import MAX_OBSERVED_RATE

FrameTotals = tuple[Tensor, Tensor, Tensor]
"""sums (B, L, 9) float64, in the order of `SUM_NAMES`; pixels (B, L, 3) int64: number of valid
pixels, of predictions and of targets that are not finite; categories (B, L, levels, 3) int64:
hits, misses, false alarms."""

SUM_NAMES = (
    "absolute_error",
    "pred_rain",
    "target_rain",
    "pred_x",
    "pred_y",
    "target_x",
    "target_y",
    "active_error",
    "union_error",
)
"""Fields of `rain.RainFrameSums`."""


def frame_totals_plain(
    preds: Tensor, target: Tensor, mask: Tensor | None, levels: Tensor
) -> FrameTotals:
    """Totals as independent sums over the same pixels, which a compiler fuses into one loop.

    Args:
        preds: (B, L, H, W) float32 or float64.
        target: (B, L, H, W) of the same dtype.
        mask: (B, L, H, W) bool or None.
        levels: (levels,) thresholds of the same dtype, the last for the active area.
    """
    if mask is None:
        valid = torch.full_like(_total(preds > 0), preds.shape[-2] * preds.shape[-1])
    else:
        # An invalid pixel becomes a dry one, which adds nothing to the sums.
        preds, target = torch.where(mask, preds, 0.0), torch.where(mask, target, 0.0)
        valid = _total(mask)
    pixels = [valid, _total(~torch.isfinite(preds)), _total(~torch.isfinite(target))]
    preds, target = preds.clamp(min=0.0), target.clamp(min=0.0, max=MAX_OBSERVED_RATE)

    categories = []
    for level in levels.unbind():
        observed, predicted = target >= level, preds >= level
        hits = _total(observed & predicted)
        categories += [hits, _total(observed) - hits, _total(predicted) - hits]

    active = target >= levels[-1]
    union = active | (preds >= levels[-1])
    rain_p, rain_t = preds.double(), target.double()
    error = (rain_p - rain_t).abs()
    height, width = preds.shape[-2:]
    x = torch.arange(width, device=preds.device, dtype=torch.float64)
    y = torch.arange(height, device=preds.device, dtype=torch.float64).unsqueeze(-1)
    terms = (
        error,
        *(rain_p, rain_t),
        *(rain_p * x, rain_p * y, rain_t * x, rain_t * y),
        *(torch.where(active, error, 0.0), torch.where(union, error, 0.0)),
    )
    sums = torch.stack([term.sum(dim=(-2, -1)) for term in terms], dim=-1)
    by_level = torch.stack(categories, dim=-1).unflatten(-1, (-1, 3))
    return sums, torch.stack(pixels, dim=-1).long(), by_level.long()


def frame_totals_compiled(
    preds: Tensor, target: Tensor, mask: Tensor | None, levels: Tensor
) -> FrameTotals:
    """`frame_totals_plain` compiled by `torch.compile`, which reads each pixel once."""
    return _compiled()(preds, target, mask, levels)


@cache
def _compiled():
    return torch.compile(frame_totals_plain, fullgraph=True)


def _total(where: Tensor) -> Tensor:
    """Number of True pixels, (...) int32 of (..., H, W); int32 is several times faster."""
    return where.sum(dim=(-2, -1), dtype=torch.int32)
