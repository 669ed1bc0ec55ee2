"""Checks of rain events from any source, before training."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.nowcasting.event import RECORD_RATE, RainEvent, RainEvents, RainFrames
from saibench.errors import UserError

UNDETECT = (
    "Use rate 0 and valid=False for missing pixels (often coded as -99, 9999 or 65535), and rate 0 "
    "for pixels without rain."
)


def check_events(events: RainEvents, frames: RainFrames, name: str) -> None:
    """Read every event once, and refuse those that are unusable for training.

    Raises:
        UserError: names the first faulty event, its fault, and the number of faulty events.
    """
    faults = []
    ids = events.index["sample_id"].to_list()
    for row, sample_id in enumerate(ids):
        try:
            check_event(events.read(row), frames, events.height, events.width, sample_id)
        except UserError as error:
            faults.append(error)
    if faults:
        more = f" {len(faults) - 1} more of {len(ids)} are faulty." if len(faults) > 1 else ""
        raise UserError(f"{name}: {faults[0]}{more}")


def check_event(
    event: RainEvent, frames: RainFrames, height: int, width: int, sample_id: int
) -> None:
    """Refuse an event that is unusable for training.

    Raises:
        UserError: wrong shapes; rates that are negative, not finite or impossibly high, with
            frame and time.
    """
    expected = (frames.total, height, width)
    for name in ("rate", "valid"):
        if (found := np.shape(getattr(event, name))) != expected:
            raise UserError(
                f"event {sample_id}: '{name}' has shape {found}. Expected: {expected}, for "
                f"{frames.observed} observed and {frames.target} target frames."
            )
    if event.valid.dtype != bool:
        raise UserError(
            f"event {sample_id}: 'valid' has type {event.valid.dtype}. Use bool, with False for "
            "missing pixels."
        )
    for name, expected in (
        ("motion", (2, height, width)),
        ("source", (frames.target, height, width)),
    ):
        values = getattr(event, name)
        if values is None:
            continue
        if values.shape != expected or not np.isfinite(values).all():
            raise UserError(
                f"event {sample_id}: '{name}' of shape {values.shape} has NaN or Inf, or another "
                f"shape than {expected}. Use finite values of that shape."
            )
    refuse_rates(event.rate, frames, f"event {sample_id}", UNDETECT)


def refuse_rates(rate: np.ndarray, frames: RainFrames, event: str, remedy: str) -> None:
    """Refuse impossible rain rates.

    Args:
        rate: (T + L, H, W) in mm/h.
        frames: number of frames.
        event: name of the event.
        remedy: what to do.

    Raises:
        UserError: rates that are negative, not finite or impossibly high, with frame and time.
    """
    if rate.min() >= 0 and rate.max() <= RECORD_RATE:  # False for NaN
        return
    above = f"above the world record of {RECORD_RATE:,g} mm/h"
    for faulty, fault in (
        (~np.isfinite(rate), "NaN or Inf"),
        (rate < 0, "negative"),
        (rate > RECORD_RATE, above),
    ):
        if faulty.any():
            where = _where(rate, faulty, frames)
            raise UserError(f"{event}: the rain rate is {fault} {where}. {remedy}")


def _where(rate: np.ndarray, faulty: np.ndarray, frames: RainFrames) -> str:
    of_frame = faulty.sum(axis=(1, 2))
    first = int(np.flatnonzero(of_frame)[0])
    value = rate[first][faulty[first]][0]
    minutes = frames.minutes * (first + 1 - frames.observed)
    return (
        f"({value:g} mm/h) in {int(of_frame[first]):,} pixels of frame {first} (at {minutes:+d} "
        f"min) and in {int((of_frame > 0).sum())} of {frames.total} frames"
    )
