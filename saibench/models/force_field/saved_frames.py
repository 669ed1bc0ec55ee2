"""The frames that a report shows in three dimensions, predicted once more after the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from saibench.datamodules.force_field.module import ForceFieldDataModule
from saibench.evidence.force_field.saved_frames import FILE, ShownFrames, write_frames
from saibench.evidence.schema import read_table
from saibench.units import MEV_PER_EV

NUM_WORST = 16
NUM_EVEN = 32
"""Frames at equal steps of the test, the same for every point that is tested on it."""
CHOSEN = "chosen by `shown`"


def keep_shown_frames(folder: Path, module: Any, data: ForceFieldDataModule) -> None:
    """Write `frames.npz` into a point's folder, whose samples have been written.

    Args:
        folder: the point's.
        module: a `ForceFieldModule`.
        data: its `shown`, or the errors of its tested frames, say which frames.
    """
    rows = data.shown_rows()
    if rows is not None:
        chosen = [(int(row), CHOSEN) for row in rows]
    else:
        chosen = _telling(read_table(folder / "samples.parquet"), data)
    if chosen:
        write_frames(folder / FILE, _kept(chosen, module, data))


def _telling(samples: pl.DataFrame, data: ForceFieldDataModule) -> list[tuple[int, str]]:
    """Rows of the frames with the largest errors, then of some all over the test, and why."""
    partition = data.looked_at(samples["partition"].unique(maintain_order=True).to_list())
    tested = samples.filter(pl.col("partition") == partition).sort("time", "sample_id")
    count = tested.height
    chosen: dict[int, str] = {}
    worst = tested.sort("force_mae", descending=True)["sample_id"].head(NUM_WORST)
    for place, sample in enumerate(worst.to_list(), start=1):
        chosen[sample] = f"place {place} of {count:,} by force MAE, the largest first"
    for position in np.unique(np.linspace(0, count - 1, NUM_EVEN).round().astype(int)):
        chosen.setdefault(tested["sample_id"][int(position)], f"one of {NUM_EVEN} at equal steps")
    row_of = {int(one): row for row, one in enumerate(data.index["sample_id"])}
    return [(row_of[sample], why) for sample, why in chosen.items()]


@torch.no_grad()
def _kept(chosen: list[tuple[int, str]], module: Any, data: ForceFieldDataModule) -> ShownFrames:
    module.eval()
    rows = np.array([row for row, _ in chosen])
    parts = np.array_split(rows, -(-len(rows) // data.evaluation_batch_size))
    errors = []
    for part in parts:
        batch = data.batch_of(part, module.device)
        _, predicted = module(batch)
        errors.append((predicted - batch.forces).double().cpu().numpy())
    trajectory = data.trajectory
    return ShownFrames(
        sample_id=np.array(trajectory.sample_id[rows]),
        why=np.array([why for _, why in chosen]),
        atomic_numbers=np.array(trajectory.atomic_numbers),
        positions=trajectory.positions[rows].astype(np.float32),
        forces=(MEV_PER_EV * trajectory.forces[rows]).astype(np.float32),
        force_error=(MEV_PER_EV * np.concatenate(errors)).astype(np.float32),
    )
