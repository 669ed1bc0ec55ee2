"""Cutting a long series of frames into events."""

from __future__ import annotations

import numpy as np

from saibench.datamodules.nowcasting.event import RainFrames

TOLERANCE = 0.1
"""Largest deviation of a frame's time, in steps between two frames of an event."""


def cadence_minutes(times: np.ndarray) -> float | None:
    """The most frequent time between two frames, in minutes; None for fewer than two.

    Args:
        times: (n,) datetime64[s], ascending.
    """
    if len(times) < 2:
        return None
    steps, counts = np.unique(np.diff(times).astype(np.int64), return_counts=True)
    return float(steps[np.argmax(counts)]) / 60


def cut_events(times: np.ndarray, frames: RainFrames, every: int) -> np.ndarray:
    """Rows of the frames of each event, `(events, T + L)`.

    The first event begins at the first frame, each further one `every` steps after the one before.
    An event that lacks a frame is left out, and the next begins at the next frame of the series.

    Args:
        times: (n,) datetime64[s], ascending.
        frames: number of frames of an event, and the step between them.
        every: steps from one event to the next.
    """
    seconds = _seconds(times)
    step = 60 * frames.minutes
    found = _rows(times, frames, seconds)
    complete = (found >= 0).all(axis=1)
    chosen, earliest = [], -np.inf
    for first in np.flatnonzero(complete):
        if seconds[first] >= earliest:
            chosen.append(first)
            earliest = seconds[first] + step * (every - TOLERANCE)
    return found[np.array(chosen, dtype=np.int64)]


def issued_events(times: np.ndarray, frames: RainFrames, issued: np.ndarray) -> np.ndarray:
    """Rows of the frames of the events whose last observed frame is of a given time.

    Events that lack a frame are left out.

    Args:
        times: (n,) datetime64[s], ascending.
        frames: number of frames of an event, and the step between them.
        issued: (m,) datetime64[s], times of the last observed frames.

    Returns:
        `(events, T + L)`, by time.
    """
    past = 60 * frames.minutes * (frames.observed - 1)
    found = _rows(times, frames, np.unique(_seconds(issued)) - past)
    return found[(found >= 0).all(axis=1)]


def _rows(times: np.ndarray, frames: RainFrames, first: np.ndarray) -> np.ndarray:
    """`(events, T + L)` rows of the frames of events that begin at `first` in seconds, -1: none."""
    seconds, step = _seconds(times), 60 * frames.minutes
    rows = [_nearest(seconds, first + step * number, step) for number in range(frames.total)]
    return np.stack(rows, axis=1)


def _seconds(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[s]").astype(np.int64)


def _nearest(seconds: np.ndarray, wanted: np.ndarray, step: int) -> np.ndarray:
    """Row of the frame nearest to each time; -1 without one within the tolerance."""
    after = np.clip(np.searchsorted(seconds, wanted), 1, len(seconds) - 1)
    before = after - 1
    nearer = np.abs(seconds[after] - wanted) < np.abs(seconds[before] - wanted)
    nearest = np.where(nearer, after, before)
    return np.where(np.abs(seconds[nearest] - wanted) <= TOLERANCE * step, nearest, -1)
