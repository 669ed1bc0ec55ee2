"""The totals behind `rain_frame_sums` on a CPU: one pass over memory, row by row.

A row of both frames fits in the L1 cache: the first loop over its pixels reads it from memory, the
others from the cache. The compiler vectorises short loops of one kind of arithmetic, but not one
loop of everything. Therefore additions within a row may be reordered and fused with products; NaN
and infinity are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from saibench.metrics.nowcasting.functional.rain_input import MAX_OBSERVED_RATE
from saibench.metrics.nowcasting.functional.rain_plain import FrameTotals

REORDER_SUMS = {"reassoc", "nsz", "contract"}
PIXELS_WORTH_A_THREAD = 1 << 20


def kernel(**options: Any) -> Callable[[Callable], Callable]:
    """`numba.njit` with an on-disk cache, if a cache folder is writable."""

    def compile_later(function: Callable) -> Callable:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # no cache folder is writable
            return njit(nogil=True, **options)(function)

    return compile_later


def frame_totals_numba(
    preds: Tensor, target: Tensor, mask: Tensor | None, levels: Tensor
) -> FrameTotals:
    """As `rain_plain.frame_totals_plain`; copies inputs that are not contiguous."""
    shape, num_frames = preds.shape[:2], preds.shape[0] * preds.shape[1]
    sums = np.zeros((num_frames, 9))
    pixels = np.zeros((num_frames, 3), np.int64)
    categories = np.zeros((num_frames, len(levels), 3), np.int64)
    frames = _frames(preds), _frames(target), None if mask is None else _frames(mask)
    ceiling = np.float32(MAX_OBSERVED_RATE)

    def add_up(start: int, stop: int) -> None:
        add_up_frames(*frames, levels.numpy(), ceiling, start, stop, sums, pixels, categories)

    _in_threads(add_up, num_frames, _num_threads(preds.numel(), num_frames))
    return (
        torch.from_numpy(sums).unflatten(0, shape),
        torch.from_numpy(pixels).unflatten(0, shape),
        torch.from_numpy(categories).unflatten(0, shape),
    )


@kernel()
def add_up_frames(
    preds: np.ndarray,
    target: np.ndarray,
    mask: np.ndarray | None,
    levels: np.ndarray,
    ceiling: np.float32,
    start: int,
    stop: int,
    sums: np.ndarray,
    pixels: np.ndarray,
    categories: np.ndarray,
) -> None:
    """Fill rows start ... stop - 1 of the totals of frames (frames, H, W)."""
    height, width = preds.shape[1:]
    ascending, columns = np.argsort(levels), np.arange(width).astype(np.float64)
    copy_p, copy_t = np.zeros(width, preds.dtype), np.zeros(width, preds.dtype)
    for frame in range(start, stop):
        error = rain_p = rain_t = x_p = x_t = y_p = y_t = active_error = union_error = 0.0
        valid = height * width
        for y in range(height):
            row_p, row_t = preds[frame, y], target[frame, y]
            if mask is not None:
                valid -= dry_where_invalid(row_p, row_t, mask[frame, y], copy_p, copy_t)
                row_p, row_t = copy_p, copy_t
            row = add_up_row(row_p, row_t, columns, ceiling, levels[-1])
            if not np.isfinite(row[0]):
                pixels[frame, 1] += count_not_finite(row_p)
                pixels[frame, 2] += count_not_finite(row_t)
            error += row[1]
            rain_p += row[2]
            rain_t += row[3]
            x_p += row[4]
            x_t += row[5]
            y_p += y * row[2]
            y_t += y * row[3]
            active_error += row[6]
            union_error += row[7]
            count_categories(row_p, row_t, levels, ascending, categories[frame])
        pixels[frame, 0] = valid
        sums[frame] = (error, rain_p, rain_t, x_p, y_p, x_t, y_t, active_error, union_error)


@kernel(fastmath=REORDER_SUMS)
def dry_where_invalid(
    row_p: np.ndarray, row_t: np.ndarray, valid: np.ndarray, copy_p: np.ndarray, copy_t: np.ndarray
) -> int:
    """Copy two rows with invalid pixels set to 0; return the number of invalid pixels."""
    invalid = np.float32(0)
    for x in range(len(row_p)):
        keep = valid[x]
        copy_p[x] = row_p[x] if keep else np.float32(0)
        copy_t[x] = row_t[x] if keep else np.float32(0)
        invalid += np.float32(0) if keep else np.float32(1)
    return int(invalid)


@kernel(fastmath=REORDER_SUMS)
def add_up_row(
    row_p: np.ndarray,
    row_t: np.ndarray,
    columns: np.ndarray,
    ceiling: np.float32,
    active_level: float,
) -> tuple[float, ...]:
    """The row's sums; the first is not finite if any rate is not finite (or if it overflows).

    The columns 0, 1, … are float64: processors without AVX-512 convert no vector of int64.
    """
    unchecked = row_p.dtype.type(0)
    error = rain_p = rain_t = x_p = x_t = active_error = union_error = 0.0
    for x in range(len(row_p)):
        rate_p, rate_t = row_p[x], row_t[x]
        unchecked += rate_p + rate_t
        rate_p = np.float32(0) if rate_p < 0 else rate_p
        rate_t = np.float32(0) if rate_t < 0 else rate_t
        rate_t = ceiling if rate_t > ceiling else rate_t
        wide_p, wide_t = np.float64(rate_p), np.float64(rate_t)
        difference = abs(wide_p - wide_t)
        error += difference
        rain_p += wide_p
        rain_t += wide_t
        x_p += columns[x] * wide_p
        x_t += columns[x] * wide_t
        active_error += difference if rate_t >= active_level else 0.0
        union_error += difference if max(rate_p, rate_t) >= active_level else 0.0
    return unchecked, error, rain_p, rain_t, x_p, x_t, active_error, union_error


@kernel()
def count_categories(
    row_p: np.ndarray,
    row_t: np.ndarray,
    levels: np.ndarray,
    ascending: np.ndarray,
    categories: np.ndarray,
) -> None:
    """Add the row's hits, misses and false alarms at every level to `categories`, (levels, 3)."""
    for k in ascending:
        hits, observed, predicted = count_reached(row_p, row_t, levels[k])
        if observed + predicted == 0:
            break  # no rate reaches the higher levels
        categories[k, 0] += int(hits)
        categories[k, 1] += int(observed - hits)
        categories[k, 2] += int(predicted - hits)


@kernel(fastmath=REORDER_SUMS)
def count_reached(
    row_p: np.ndarray, row_t: np.ndarray, level: float
) -> tuple[np.float32, np.float32, np.float32]:
    """Number of pixels where both rates, the observed and the predicted rate reach the level.

    Counted in float32, exact below 2**24, so that vectors have as many lanes as for the rates."""
    both = observed = predicted = np.float32(0)
    for x in range(len(row_p)):
        reached_t = np.float32(1) if row_t[x] >= level else np.float32(0)
        reached_p = np.float32(1) if row_p[x] >= level else np.float32(0)
        observed += reached_t
        predicted += reached_p
        both += reached_t * reached_p
    return both, observed, predicted


@kernel()
def count_not_finite(row: np.ndarray) -> int:
    count = 0
    for x in range(len(row)):
        count += not np.isfinite(row[x])
    return count


def _frames(values: Tensor) -> np.ndarray:
    """(B L, H, W), contiguous, from (B, L, H, W)."""
    return values.contiguous().flatten(0, 1).numpy()


def _num_threads(num_pixels: int, num_frames: int) -> int:
    worthwhile = 1 + num_pixels // PIXELS_WORTH_A_THREAD
    return max(1, min(torch.get_num_threads(), num_frames, worthwhile))


def _in_threads(add_up: Callable[[int, int], None], num_frames: int, num_threads: int) -> None:
    if num_threads == 1:
        add_up(0, num_frames)
        return
    edges = [num_frames * thread // num_threads for thread in range(num_threads + 1)]
    with ThreadPoolExecutor(num_threads) as threads:
        for done in [threads.submit(add_up, *span) for span in pairwise(edges)]:
            done.result()
