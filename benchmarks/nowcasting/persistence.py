"""Events to score: observed rain, with its last input frame as the prediction."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saibench.datamodules.nowcasting.event import LARGEST_RATE, OBSERVED_FRAMES, TARGET_FRAMES
from saibench.datamodules.nowcasting.mrms import read_event
from saibench.datamodules.nowcasting.radar_png import read_header
from saibench.datamodules.nowcasting.random_fields import power_law_field
from saibench.errors import UserError

SIZE = 512
DRIFT = 3
"""Displacement of synthetic rain along each axis, in pixels per frame."""


def persistence(event: str | None) -> tuple[Tensor, Tensor, str]:
    """Predicted and observed rain (1, 20, 512, 512) in mm/h, and its origin.

    Args:
        event: name of an MRMS event in SAIBENCH_DATA_DIR; None for synthetic rain.

    Raises:
        UserError: there is no such event.
    """
    frames, origin = (drifting_rain(), "synthetic rain") if event is None else radar(event)
    target = torch.from_numpy(np.ascontiguousarray(frames[OBSERVED_FRAMES:]))
    last = torch.from_numpy(frames[OBSERVED_FRAMES - 1])
    return last.expand_as(target).contiguous().unsqueeze(0), target.unsqueeze(0), origin


def radar(event: str) -> tuple[np.ndarray, str]:
    folder = radar_folder() / event
    first = folder / f"{event}-00.png"
    if not first.is_file():
        known = sorted(one.name for one in radar_folder().glob("[0-9]*"))
        raise UserError(f"--event {event}: no file {first}. Available: {', '.join(known)}.")
    return read_event(folder, read_header(first)).rate, f"MRMS event {event}"


def radar_folder() -> Path:
    return Path(os.environ.get("SAIBENCH_DATA_DIR", ".")) / "mrms" / "figure"


def first_radar_event() -> str | None:
    """The first MRMS event in SAIBENCH_DATA_DIR, if there is one."""
    return min((folder.name for folder in radar_folder().glob("[0-9]*")), default=None)


def drifting_rain() -> np.ndarray:
    """(29, 512, 512) in mm/h: a drifting and slowly changing field, as wet as radar data."""
    rng = np.random.default_rng(0)
    field, coming = (power_law_field(rng, SIZE, slope=3.0, largest=SIZE / 4) for _ in range(2))
    frames = OBSERVED_FRAMES + TARGET_FRAMES
    rates = np.empty((frames, SIZE, SIZE), np.float32)
    for frame in range(frames):
        share = frame / (2 * frames)
        mixed = np.sqrt(1 - share**2) * field + share * coming
        excess = np.roll(mixed, DRIFT * frame, axis=(0, 1)) - 0.9
        rates[frame] = np.clip(2 * np.expm1(1.3 * excess), 0, LARGEST_RATE)
    return rates
