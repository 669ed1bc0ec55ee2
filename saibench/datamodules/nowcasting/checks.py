"""What a rain event from any source must be, before a model sees it."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.nowcasting.event import RainEvent, RainEvents, RainFrames
from saibench.errors import UserError

UNDETECT = (
    "Use rate 0 and valid=False where the radar saw nothing, and rate 0 where it saw no rain "
    "(often coded as -99 or -9999)."
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
        UserError: wrong shapes, rates that are negative or not finite; by frame and time.
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
    _refuse_pixels(event.rate, ~np.isfinite(event.rate), "NaN or Inf", frames, sample_id)
    _refuse_pixels(event.rate, event.rate < 0, "negative", frames, sample_id)


def _refuse_pixels(
    rate: np.ndarray, faulty: np.ndarray, fault: str, frames: RainFrames, sample_id: int
) -> None:
    if not faulty.any():
        return
    of_frame = faulty.sum(axis=(1, 2))
    first = int(np.flatnonzero(of_frame)[0])
    value = rate[first][faulty[first]][0]
    minutes = frames.minutes * (first + 1 - frames.observed)
    raise UserError(
        f"event {sample_id}: the rain rate is {fault} ({value:g} mm/h) in {int(of_frame[first]):,} "
        f"pixels of frame {first} (at {minutes:+d} min) and in {int((of_frame > 0).sum())} of "
        f"{frames.total} frames. {UNDETECT}"
    )
