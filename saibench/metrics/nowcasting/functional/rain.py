"""Sums and counts of each frame, from which all rain scores are computed.

`rain_frame_sums` reads predicted and observed frames once and returns sums and counts for every
event and lead time. The metrics of rain and the statistics of `functional.rain_statistics` use
these numbers, so a test step reads its frames once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from saibench.errors import closest
from saibench.metrics.nowcasting.functional.rain_input import (
    ACTIVE_THRESHOLD,
    check_frames,
    check_threshold,
    in_one_dtype,
)
from saibench.metrics.nowcasting.functional.rain_plain import (
    SUM_NAMES,
    FrameTotals,
    frame_totals_compiled,
    frame_totals_plain,
)

Backend = Literal["auto", "numba", "compiled", "plain"]
BACKENDS: tuple[str, ...] = get_args(Backend)
FrameTotalsOf = Callable[[Tensor, Tensor, Tensor | None, Tensor], FrameTotals]

RAIN_REFUSALS = (
    "predicted rain rates that are NaN or infinite",
    "observed rain rates that are NaN or infinite",
)


@dataclass(frozen=True)
class RainFrameSums:
    """Sums over the valid pixels of each frame, for B events and L lead times.

    Sums are float64, in mm/h, first moments in mm/h times pixels; counts are int64. `pred` is
    clipped at 0 from below, `target` to 0 ... 128 mm/h. In a frame with a NaN or infinite rate,
    sums are NaN and all counts but the last two are 0.

    Args:
        absolute_error: (B, L) sum of |pred - target|.
        pred_rain, target_rain: (B, L) sums of the rates.
        pred_x, pred_y, target_x, target_y: (B, L) sums of the rates times column x or row y.
        active_error: (B, L) sum of |pred - target| over pixels with target >= active_threshold.
        union_error: (B, L) the same with target or pred >= active_threshold.
        pixels: (B, L) number of valid pixels.
        active, union: (B, L) number of pixels in `active_error` and `union_error`.
        hits: (B, L, T) number of pixels with target >= threshold and pred >= threshold.
        misses: (B, L, T) with target >= threshold and pred < threshold.
        false_alarms: (B, L, T) with target < threshold and pred >= threshold.
        pred_not_finite, target_not_finite: (B, L) number of valid pixels that are NaN or infinite.
        thresholds: the T thresholds in mm/h.
        active_threshold: mm/h.
    """

    absolute_error: Tensor
    pred_rain: Tensor
    target_rain: Tensor
    pred_x: Tensor
    pred_y: Tensor
    target_x: Tensor
    target_y: Tensor
    active_error: Tensor
    union_error: Tensor
    pixels: Tensor
    active: Tensor
    union: Tensor
    hits: Tensor
    misses: Tensor
    false_alarms: Tensor
    pred_not_finite: Tensor
    target_not_finite: Tensor
    thresholds: tuple[float, ...]
    active_threshold: float

    def __getitem__(self, events: Tensor) -> RainFrameSums:
        """The sums of some events, by a mask or by indices."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        selected: dict[str, Any] = {
            name: value[events] for name, value in values.items() if isinstance(value, Tensor)
        }
        return replace(self, **selected)

    @property
    def num_leads(self) -> int:
        return self.pixels.shape[1]

    def position_of(self, threshold: float) -> int:
        """Index of `threshold` in the last dimension of `hits`, `misses`, `false_alarms`.

        Raises:
            ValueError: the sums lack this threshold.
        """
        if threshold not in self.thresholds:
            raise ValueError(
                f"These sums have thresholds={list(self.thresholds)} mm/h, not {threshold}. Add it "
                "to the thresholds of rain_frame_sums."
            )
        return self.thresholds.index(threshold)

    @cached_property
    def refused(self) -> Tensor:
        """(2,) count of each of `RAIN_REFUSALS` in all frames."""
        return torch.stack([self.pred_not_finite.sum(), self.target_not_finite.sum()])


def rain_frame_sums(
    preds: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    thresholds: Sequence[float] = (16.0, 32.0, 64.0),
    active_threshold: float = ACTIVE_THRESHOLD,
    backend: Backend = "auto",
) -> RainFrameSums:
    """Sums and counts of every frame; each pixel is read once.

    Sums are float64, frame by frame, so they don't depend on the batches. They have no gradient.
    As in NumPy and PyTorch, a threshold is first rounded to the dtype of the rates (to float32 for
    half precision).

    Args:
        preds: (B, L, H, W) predicted rain rates in mm/h, of any floating dtype.
        target: (B, L, H, W) observed rain rates in mm/h.
        mask: (B, L, H, W) bool, True for valid pixels; None if all are valid. Values of invalid
            pixels, NaN included, are ignored.
        thresholds: rates in mm/h above 0, up to 128, for hits, misses and false alarms.
        active_threshold: rate in mm/h from which a pixel belongs to the active area.
        backend: implementation; all give equal results. "numba" is one pass on a CPU, on at most
            `torch.get_num_threads()` threads; "compiled" is `torch.compile` of "plain", which is
            PyTorch on any device. "auto" is numba on a CPU, compiled on CUDA, else plain, without
            a fallback.

    Raises:
        ValueError: shapes, dtypes or thresholds don't fit, or the backend is unknown.

    >>> target = torch.tensor([[0.0, 16.0], [200.0, 1.0]]).reshape(1, 1, 2, 2)
    >>> sums = rain_frame_sums(torch.full((1, 1, 2, 2), 20.0), target, thresholds=[16.0])
    >>> sums.target_rain.item(), sums.absolute_error.item(), sums.active_error.item()
    (145.0, 151.0, 112.0)
    >>> sums.hits.item(), sums.misses.item(), sums.false_alarms.item()
    (2, 0, 2)
    """
    check_frames(preds, target, mask)
    for threshold in (*thresholds, active_threshold):
        check_threshold(threshold)
    compute = _frame_totals_of(backend, preds.device)
    preds, target = in_one_dtype(preds.detach(), target.detach())
    levels = (*map(float, thresholds), float(active_threshold))
    with torch.no_grad():
        sums, pixels, categories = compute(
            preds, target, mask, _as_tensor(levels, preds.dtype, preds.device)
        )
        return _assemble(sums, pixels, categories, levels)


def _assemble(
    sums: Tensor, pixels: Tensor, categories: Tensor, levels: tuple[float, ...]
) -> RainFrameSums:
    """The totals of `rain_plain.frame_totals_plain` by name, NaN for frames that are not finite."""
    valid, pred_not_finite, target_not_finite = pixels.unbind(dim=-1)
    has_sums = (pred_not_finite + target_not_finite == 0).unsqueeze(-1)
    hits, misses, false_alarms = torch.where(has_sums.unsqueeze(-1), categories, 0).unbind(dim=-1)
    active = hits[..., -1] + misses[..., -1]
    return RainFrameSums(
        **dict(zip(SUM_NAMES, torch.where(has_sums, sums, torch.nan).unbind(dim=-1), strict=True)),
        pixels=torch.where(has_sums.squeeze(-1), valid, 0),
        active=active,
        union=active + false_alarms[..., -1],
        hits=hits[..., :-1],
        misses=misses[..., :-1],
        false_alarms=false_alarms[..., :-1],
        pred_not_finite=pred_not_finite,
        target_not_finite=target_not_finite,
        thresholds=levels[:-1],
        active_threshold=levels[-1],
    )


def _frame_totals_of(backend: str, device: torch.device) -> FrameTotalsOf:
    check_backend(backend)
    if backend == "auto":
        backend = {"cpu": "numba", "cuda": "compiled"}.get(device.type, "plain")
    if backend == "plain":
        return frame_totals_plain
    if backend == "compiled":
        return frame_totals_compiled
    if device.type != "cpu":
        raise ValueError(f"backend=numba runs on a CPU, not on {device.type}. Use backend=auto.")
    # Imported here because importing numba is slow.
    from saibench.metrics.nowcasting.functional.rain_numba import frame_totals_numba

    return frame_totals_numba


@lru_cache(maxsize=64)
def _as_tensor(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Cached, because a copy to an accelerator synchronises with it."""
    with torch.inference_mode(False):
        return torch.tensor(levels, dtype=dtype, device=device)


def check_backend(backend: str) -> None:
    """Raise `ValueError` for a backend that does not exist."""
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend} is unknown: {closest(backend, BACKENDS)}")
