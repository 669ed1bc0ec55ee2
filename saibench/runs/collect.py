"""Collecting the statistics of every tested sample, whatever the number of ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from saibench.errors import UserError
from saibench.runs.finite_batches import refuse_inputs_not_finite


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
        statistics = {name: _numbers(name, values, len(ids)) for name, values in _named(outputs)}
        if any(not np.isfinite(values).all() for values in statistics.values()):
            refuse_inputs_not_finite([batch])  # else it may be a value that is undefined
        self.batches.append({"sample_id": ids.cpu().numpy(), **statistics})

    def save(self, folder: Path, number: int, rank: int) -> None:
        """Leave the statistics of pass `number` where rank 0 will join them."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.batches:
            columns: dict[str, Any] = _concatenated(self.batches)
            np.savez(folder / f"pass{number}-rank{rank}.npz", **columns)


def _named(outputs: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(outputs, Mapping):
        raise UserError(
            f"test_step returned {type(outputs).__name__}; a dict of a tensor a statistic, (B,), "
            "(B, axis) or (B, axis, axis) for B samples, would work."
        )
    return outputs.items()


def _numbers(name: str, values: Any, samples: int) -> np.ndarray:
    if not isinstance(values, Tensor) or values.ndim not in (1, 2, 3) or len(values) != samples:
        given = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise UserError(
            f"test_step returned {given} as '{name}' of {samples} samples; a tensor of the shape "
            f"({samples},), ({samples}, axis) or ({samples}, axis, axis) would work."
        )
    return values.detach().cpu().numpy()


def join_parts(folder: Path, number: int) -> dict[str, np.ndarray]:
    """The statistics of one pass from all ranks, in no particular order of samples."""
    parts = []
    for path in sorted(folder.glob(f"pass{number}-rank*.npz")):
        with np.load(path, allow_pickle=False) as part:
            parts.append(dict(part))
    return _concatenated(parts)


def _concatenated(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
