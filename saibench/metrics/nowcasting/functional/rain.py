"""Everything that the scores of rain need to know of a frame, found in one pass over its pixels.

`rain_frame_sums` reads predicted and observed frames once and returns sums and counts for every
event and lead time. Each score of `saibench.metrics` and each statistic of
`functional.rain_statistics` follows from these few numbers, so that a test step reads its frames
once for all of them.
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
    """Sums over the valid pixels of each frame; of B events and L lead times.

    Sums are float64, in mm/h, their first moments in mm/h times pixels; counts are int64. `pred`
    is clipped at 0 from below, `target` to 0 ... 128 mm/h. A frame that holds a NaN or infinite
    rate has no sums: they are NaN there, and its counts but the last two are 0.

    Args:
        absolute_error: (B, L) sum of |pred - target|.
        pred_rain, target_rain: (B, L) sums of the rates.
        pred_x, pred_y, target_x, target_y: (B, L) sums of the rates times column x or row y.
        active_error: (B, L) sum of |pred - target| where target >= active_threshold.
        union_error: (B, L) the same where target or pred >= active_threshold.
        pixels: (B, L) number of valid pixels.
        active, union: (B, L) number of pixels behind `active_error` and `union_error`.
        hits: (B, L, T) number of pixels with target >= threshold and pred >= threshold.
        misses: (B, L, T) with target >= threshold and pred < threshold.
        false_alarms: (B, L, T) with target < threshold and pred >= threshold.
        pred_not_finite, target_not_finite: (B, L) number of valid pixels that are NaN or infinite.
        thresholds: T of them, mm/h.
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
        """Those of some events, chosen as tensors choose rows."""
        sums = {name: vars(self)[name] for name in _FIELDS}
        kept: dict[str, Any] = {
            name: one[events] for name, one in sums.items() if isinstance(one, Tensor)
        }
        return replace(self, **kept)

    @property
    def num_leads(self) -> int:
        return self.pixels.shape[1]

    def position_of(self, threshold: float) -> int:
        """Where `threshold` stands in the last dimension of `hits`, `misses`, `false_alarms`.

        Raises:
            ValueError: the sums were not taken at this threshold.
        """
        if threshold not in self.thresholds:
            raise ValueError(
                f"These sums have no hits at {threshold} mm/h, only at {list(self.thresholds)}; "
                "name it in the thresholds of rain_frame_sums."
            )
        return self.thresholds.index(threshold)

    @cached_property
    def refused(self) -> Tensor:
        """(2,) how often each of `RAIN_REFUSALS` was met, in all frames together."""
        return torch.stack([self.pred_not_finite.sum(), self.target_not_finite.sum()])


_FIELDS = {field.name for field in fields(RainFrameSums)}


def rain_frame_sums(
    preds: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    thresholds: Sequence[float] = (16.0, 32.0, 64.0),
    active_threshold: float = ACTIVE_THRESHOLD,
    backend: Backend = "auto",
) -> RainFrameSums:
    """Sums and counts of every frame, each pixel read once.

    Sums are taken in float64, frame by frame, so they don't depend on how frames are batched. No
    gradient flows through them: these are scores, not losses. A rate ties with a threshold as it
    does in numpy and torch: the threshold is rounded to the dtype of the rates first (to float32
    for half precision).

    Args:
        preds: (B, L, H, W) predicted rain rates in mm/h, of any floating dtype.
        target: (B, L, H, W) observed rain rates in mm/h.
        mask: (B, L, H, W) bool, True where a pixel is valid; None when all are. What an invalid
            pixel holds, NaN included, does not matter.
        thresholds: rates in mm/h above 0, up to 128, at which hits, misses and false alarms count.
        active_threshold: rate in mm/h at which a pixel belongs to the active area.
        backend: how to compute, with equal results. "numba" is one pass on a CPU, on at most
            `torch.get_num_threads()` threads; "compiled" is `torch.compile` of "plain", which is
            PyTorch on any device. "auto" takes numba on a CPU, compiled on CUDA, else plain; it
            never falls back to another when its choice fails.

    Raises:
        ValueError: shapes, dtypes or thresholds that don't fit, or an unknown backend.

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
    """Name the totals (see `rain_plain.frame_totals_plain`), those of frames without sums blank."""
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
        raise ValueError(f"The backend 'numba' works on a CPU, not on {device.type}.")
    # Imported late: importing numba takes longer than many a metric's whole work.
    from saibench.metrics.nowcasting.functional.rain_numba import frame_totals_numba

    return frame_totals_numba


@lru_cache(maxsize=64)
def _as_tensor(levels: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept, for a copy to an accelerator would wait for it at every batch."""
    with torch.inference_mode(False):
        return torch.tensor(levels, dtype=dtype, device=device)


def check_backend(backend: str) -> None:
    """Raise `ValueError` for a backend that does not exist."""
    if backend not in BACKENDS:
        raise ValueError(f"No backend '{backend}': {closest(backend, BACKENDS)}")
