"""Events that a report displays."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from torch import Tensor

from saibench.datamodules.nowcasting.module import NowcastingDataModule
from saibench.evidence.nowcasting.saved_events import SavedEvents, saved_events

NUM_SAVED = 2
"""Number of saved events by default."""


def choose_rainiest(tested: pl.DataFrame, data: NowcastingDataModule) -> dict[int, str]:
    """Reason by sample id of the tested events with the highest mean rain rate."""
    rows = np.unique(np.concatenate([partition.rows for partition in data.tests.values()]))
    intensity = data.index["mean_intensity"].to_numpy()[rows]
    first = rows[np.argsort(-intensity, kind="stable")[:NUM_SAVED]]
    return dict.fromkeys(data.index["sample_id"].to_numpy()[first].tolist(), "rainiest")


def saved_rain(
    rows: np.ndarray, why: np.ndarray, module: Any, data: NowcastingDataModule
) -> SavedEvents:
    """The observed and predicted events of these rows."""
    batch = data.batch_of(rows).to(module.device)
    predicted = module(batch)
    motion = _motion(module, batch.observed)
    events = [data.events.read(int(row)) for row in rows]
    seen = np.stack([np.where(event.valid, event.rate, np.nan) for event in events])
    return saved_events(
        batch.sample_id.cpu(),
        seen[:, : data.frames.observed],
        seen[:, data.frames.observed :],
        predicted.float().cpu(),
        batch.pixel_km,
        None if motion is None else motion.float().cpu(),
        frame_minutes=data.frames.minutes,
    )


def _motion(module: Any, observed: Tensor) -> Tensor | None:
    """Motion `(B, L, 2, H, W)` of the net, if it predicts one."""
    if module.evolves:
        return module.net.evolve(observed).motion
    return module.net.motion_field(observed) if hasattr(module.net, "motion_field") else None
