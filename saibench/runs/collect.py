"""Collect the statistics of every tested sample from all ranks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from saibench.datamodules.batch import sample_ids
from saibench.errors import UserError
from saibench.runs.finite_batches import refuse_inputs_not_finite


class StatisticsCollector(Callback):
    """Collects the outputs of `test_step` on this rank."""

    def __init__(self) -> None:
        self.batches: list[dict[str, np.ndarray]] = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        ids = sample_ids(batch)
        statistics = _statistics(outputs, len(ids))
        if any(not np.isfinite(values).all() for values in statistics.values()):
            refuse_inputs_not_finite([batch])  # with finite inputs NaN is an undefined value
        self.batches.append({"sample_id": ids.cpu().numpy(), **statistics})

    def save(self, folder: Path, number: int, rank: int) -> None:
        """Save the statistics of pass `number` for rank 0 to join."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.batches:
            columns: dict[str, Any] = _concatenated(self.batches)
            np.savez(folder / f"pass{number}-rank{rank}.npz", **columns)


def _statistics(outputs: Any, samples: int) -> dict[str, np.ndarray]:
    if not isinstance(outputs, Mapping):
        raise UserError(
            f"test_step returned {type(outputs).__name__}. Return a dict with one tensor per "
            "statistic, of shape (B,), (B, axis) or (B, axis, axis) for B samples."
        )
    for name, values in outputs.items():
        if not isinstance(values, Tensor) or values.ndim not in (1, 2, 3) or len(values) != samples:
            given = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise UserError(
                f"test_step returned {given} as '{name}' of {samples} samples. Return a tensor of "
                f"shape ({samples},), ({samples}, axis) or ({samples}, axis, axis)."
            )
    return {name: values.detach().cpu().numpy() for name, values in outputs.items()}


def join_parts(folder: Path, number: int) -> dict[str, np.ndarray]:
    """Return the statistics of one pass from all ranks, unordered."""
    parts = []
    for path in sorted(folder.glob(f"pass{number}-rank*.npz")):
        with np.load(path, allow_pickle=False) as part:
            parts.append(dict(part))
    return _concatenated(parts)


def _concatenated(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
