"""Collecting the statistics of every tested sample, whatever the number of ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class StatisticsCollector(Callback):
    """Keeps what `test_step` returns and leaves it, a file a pass and rank, for rank 0 to join.

    Args:
        folder: where the parts go; emptied by whoever joins them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[int, list[dict[str, np.ndarray]]] = {}

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
        part = {name: values.detach().cpu().numpy() for name, values in outputs.items()}
        self.parts.setdefault(dataloader_idx, []).append({"sample_id": ids.cpu().numpy(), **part})

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for number, parts in self.parts.items():
            joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            np.savez(self.folder / f"pass{number}-rank{trainer.global_rank}.npz", **joined)
        trainer.strategy.barrier()


def join_parts(folder: Path, number: int) -> dict[str, np.ndarray]:
    """The statistics of one pass from all ranks, in no particular order of samples."""
    parts = []
    for path in sorted(folder.glob(f"pass{number}-rank*.npz")):
        with np.load(path, allow_pickle=False) as part:
            parts.append(dict(part))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
