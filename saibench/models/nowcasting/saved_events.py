"""The events that a report shows whole, predicted once more after the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saibench.datamodules.nowcasting.module import NowcastingDataModule
from saibench.evidence.nowcasting.saved_events import FIELDS, RainFields, kept_fields, write_fields

NUM_SHOWN = 2
"""Where none are chosen: a point keeps the rainiest, which have most to show."""


def keep_shown_events(folder: Path, module: Any, data: NowcastingDataModule) -> None:
    """Write `fields.npz` into a point's folder.

    Args:
        folder: the point's.
        module: a `NowcastingModule`.
        data: its `shown`, or the rainiest of its tests, say which events.
    """
    rows = data.shown_rows()
    if rows is None:
        rows = rainiest(data)
    if len(rows):
        write_fields(folder / FIELDS, _fields(rows, module, data))


def rainiest(data: NowcastingDataModule) -> np.ndarray:
    """Rows of the tested events with the highest mean rain rate, the highest first."""
    tested = np.unique(np.concatenate([partition.rows for partition in data.tests.values()]))
    intensity = data.index["mean_intensity"].to_numpy()[tested]
    return tested[np.argsort(-intensity, kind="stable")[:NUM_SHOWN]]


def _motion(module: Any, observed: Tensor) -> Tensor | None:
    """By which the net moves rain, `(B, L, 2, H, W)`, if it says."""
    if module.evolves:
        return module.net.evolve(observed).motion
    return module.net.motion_field(observed) if hasattr(module.net, "motion_field") else None


@torch.no_grad()
def _fields(rows: np.ndarray, module: Any, data: NowcastingDataModule) -> RainFields:
    module.eval()
    batch = data.batch_of(rows).to(module.device)
    predicted = module(batch)
    motion = _motion(module, batch.observed)
    events = [data.events.read(int(row)) for row in rows]
    seen = np.stack([np.where(event.valid, event.rate, np.nan) for event in events])
    return kept_fields(
        batch.sample_id.cpu(),
        seen[:, : data.frames.observed],
        seen[:, data.frames.observed :],
        predicted.float().cpu(),
        batch.pixel_km,
        None if motion is None else motion.float().cpu(),
        frame_minutes=data.frames.minutes,
    )
