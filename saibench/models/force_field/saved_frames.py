"""Frames that a report displays in three dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from saibench.datamodules.force_field.module import ForceFieldDataModule
from saibench.evidence.force_field.saved_frames import SavedFrames
from saibench.units import MEV_PER_EV

NUM_WORST = 16
NUM_EVEN = 32
"""Evenly spaced frames of the test, the same for every run that is tested on it."""


def choose_frames(tested: pl.DataFrame, data: ForceFieldDataModule) -> dict[int, str]:
    """Reason by sample id of the frames with the largest errors and of evenly spaced frames.

    Frames without reference forces are left out.
    """
    tested = tested.filter(pl.col("force_mae").is_not_nan()).sort("time", "sample_id")
    count = tested.height
    chosen: dict[int, str] = {}
    worst = tested.sort("force_mae", descending=True)["sample_id"].head(NUM_WORST)
    for place, sample in enumerate(worst.to_list(), start=1):
        chosen[sample] = f"rank {place} of {count:,} by force MAE, largest first"
    evenly = np.linspace(0, count - 1, min(NUM_EVEN, count))
    for position in np.unique(evenly.round().astype(int)):
        chosen.setdefault(
            tested["sample_id"][int(position)], f"one of {NUM_EVEN} evenly spaced frames"
        )
    return chosen


def saved_frames(
    rows: np.ndarray, why: np.ndarray, module: Any, data: ForceFieldDataModule
) -> SavedFrames:
    """The frames of these rows with the errors of their forces."""
    parts = np.array_split(rows, -(-len(rows) // data.evaluation_batch_size))
    errors = []
    for part in parts:
        batch = data.batch_of(part, module.device)
        _, predicted = module(batch)
        errors.append((predicted - batch.forces).double().cpu().numpy())
    cells = data.trajectory.cells_of(rows)
    trajectory, numbers = data.trajectory, data.trajectory.atomic_numbers
    return SavedFrames(
        sample_id=np.array(trajectory.sample_id[rows]),
        why=why,
        atomic_numbers=np.array(numbers[rows] if trajectory.is_mixed else numbers),
        positions=trajectory.positions[rows].astype(np.float32),
        forces=(MEV_PER_EV * trajectory.forces[rows]).astype(np.float32),
        force_error=(MEV_PER_EV * np.concatenate(errors)).astype(np.float32),
        cells=None if cells is None else cells.astype(np.float32),
    )
