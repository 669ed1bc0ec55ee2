"""What a rain event from any source must be, before a model sees it."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.nowcasting.event import RECORD_RATE, RainEvent, RainEvents, RainFrames
from saibench.errors import UserError

UNDETECT = (
    "Use rate 0 and valid=False where the radar saw nothing, and rate 0 where it saw no rain "
    "(often coded as -99, 9999 or 65535)."
)


def check_events(events: RainEvents, frames: RainFrames, name: str) -> None:
    """Read every event once, and refuse those that cannot be learnt from.

    Raises:
        UserError: the first that is faulty, its fault, and how many are.
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
    """Refuse an event that cannot be learnt from.

    Raises:
        UserError: wrong shapes, rates that are negative, not finite or above any rain's; by
            frame and time.
    """
    shape = (frames.total, height, width)
    for name, expected in (("rate", shape), ("valid", shape)):
        found = np.shape(getattr(event, name))
        if found != expected:
            raise UserError(
                f"event {sample_id}: '{name}' has shape {found}; {expected} is expected, of "
                f"{frames.observed} observed and {frames.target} target frames."
            )
    if event.valid.dtype != bool:
        raise UserError(
            f"event {sample_id}: 'valid' is of {event.valid.dtype}; bool is expected, False where "
            "the radar saw nothing."
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
                f"event {sample_id}: '{name}' of shape {values.shape} holds NaN or Inf, or is not "
                f"of {expected}."
            )
    refuse_rates(event.rate, frames, f"event {sample_id}", UNDETECT)


def refuse_rates(rate: np.ndarray, frames: RainFrames, event: str, remedy: str) -> None:
    """Refuse rates that no rain has.

    Args:
        rate: (T + L, H, W) in mm/h.
        frames: how many there are.
        event: its name.
        remedy: what to do.

    Raises:
        UserError: rates that are negative, not finite or above any rain's; by frame and time.
    """
    if rate.min() >= 0 and rate.max() <= RECORD_RATE:  # NaN is neither
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
