"""Adds the features of the net itself to the statistics of a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.seed import isolate_rng

from saibench.datamodules.stream import EvaluationBatches, Ranks
from saibench.datamodules.structural import StructuralDataModule
from saibench.evidence.statistic import Statistic
from saibench.models.base import BenchmarkModule
from saibench.models.latent.features import LatentFeatures
from saibench.models.latent.space import LatentCapture

MAX_TRAINING = 2000
"""Most training samples that tested samples are compared with."""


def reference_rows(data: StructuralDataModule) -> np.ndarray:
    """Rows of at most `MAX_TRAINING` training samples, ascending, the same on every rank."""
    rows = data.learned_rows
    if len(rows) <= MAX_TRAINING:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, MAX_TRAINING, replace=False))


def fitted_features(module: BenchmarkModule, batches: Iterable[Any]) -> LatentFeatures | None:
    """Features of a model from one forward pass over training samples.

    Args:
        module: in evaluation mode, with the tested weights.
        batches: of training samples, on the device of the module.

    Returns:
        None if the model has no latent space, or there is no batch.
    """
    space = module.latent_space()
    if space is None:
        return None
    found = []
    with torch.no_grad(), isolate_rng(), LatentCapture(space) as capture:
        for number, batch in enumerate(batches):
            capture.clear()
            module.predict_step(batch, number)
            ids = batch["sample_id"] if isinstance(batch, dict) else batch.sample_id
            found.append(capture.features(len(ids)))
    return LatentFeatures.of(space, torch.cat(found)) if found else None


class ModelFeatures(Callback):
    """Returns `LatentFeatures` with the statistics of each test batch.

    Before the first test, every rank predicts the same training samples, so that values do not
    depend on the number of ranks. One instance belongs to one set of weights.
    """

    def __init__(self) -> None:
        self._features: LatentFeatures | None = None
        self._capture: LatentCapture | None = None
        self._is_fitted = False

    def statistics(self) -> list[Statistic]:
        """The added statistics; empty before the first test, or without a latent space."""
        return [] if self._features is None else self._features.statistics()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(pl_module, BenchmarkModule) or not isinstance(data, StructuralDataModule):
            return
        if not self._is_fitted:
            with trainer.precision_plugin.predict_step_context():
                self._features = fitted_features(pl_module, _batches(trainer, data))
            self._is_fitted = True
        if self._features is not None:
            self._capture = LatentCapture(self._features.space)
            self._listening = self._capture
            self._listening.__enter__()

    def on_test_batch_start(self, *arguments: Any, **named: Any) -> None:
        if self._capture is not None:
            self._capture.clear()

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._features is None or self._capture is None or not isinstance(outputs, dict):
            return
        ids = batch["sample_id"] if isinstance(batch, dict) else batch.sample_id
        outputs |= self._features.values(self._capture.features(len(ids)))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the hooks, also after a test that failed."""
        if self._capture is not None:
            self._capture.__exit__()
            self._capture = None


def _batches(trainer: Trainer, data: StructuralDataModule) -> Iterable[Any]:
    """Batches of the training samples on this rank's device, the same on every rank."""
    rows = reference_rows(data)
    if not len(rows):
        return
    loader = data.loader(EvaluationBatches(rows, data.evaluation_batch_size, Ranks()))
    for batch in loader:
        yield trainer.strategy.batch_to_device(batch, dataloader_idx=0)
