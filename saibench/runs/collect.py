"""Collecting the statistics of every tested sample, whatever the number of ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class StatisticsCollector(Callback):
    """Keeps what `test_step` returns on this rank; a rank without a sample keeps nothing."""

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
        ids = batch["sample_id"] if isinstance(batch, dict) else batch.sample_id
        statistics = {name: values.detach().cpu().numpy() for name, values in outputs.items()}
        self.batches.append({"sample_id": ids.cpu().numpy(), **statistics})

    def save(self, folder: Path, number: int, rank: int) -> None:
        """Leave the statistics of pass `number` where rank 0 will join them."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.batches:
            columns: dict[str, Any] = _concatenated(self.batches)
            np.savez(folder / f"pass{number}-rank{rank}.npz", **columns)


def join_parts(folder: Path, number: int) -> dict[str, np.ndarray]:
    """The statistics of one pass from all ranks, in no particular order of samples."""
    parts = []
    for path in sorted(folder.glob(f"pass{number}-rank*.npz")):
        with np.load(path, allow_pickle=False) as part:
            parts.append(dict(part))
    return _concatenated(parts)


def _concatenated(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
