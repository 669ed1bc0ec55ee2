"""Adds the features of the model itself to the statistics of a test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.seed import isolate_rng
from torch.utils.hooks import RemovableHandle

from saibench.datamodules.batch import sample_ids
from saibench.datamodules.stream import EvaluationBatches, Ranks
from saibench.datamodules.structural import StructuralDataModule
from saibench.evidence.statistic import Statistic
from saibench.models.base import BenchmarkModule
from saibench.models.committee import MIN_MEMBERS, Weights, committee_predictions, snapshots_of
from saibench.models.latent.features import LatentFeatures
from saibench.models.latent.fitting import fitted_features
from saibench.models.latent.space import LatentCapture


class ModelFeatures(Callback):
    """Returns latent distances and the committee's spread with the statistics of each test batch.

    Before the first test, every rank predicts the same training samples, so that values do not
    depend on the number of ranks. One instance belongs to one checkpoint.

    Args:
        checkpoint: of the tested weights, checked to be whole and of the tested module.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._latent: LatentFeatures | None = None
        self._members: list[Weights] = []
        self._of_committee: list[Statistic] = []
        self._capture: LatentCapture | None = None
        self._is_fitted = False
        self._predicted: Any = None
        self._hook: RemovableHandle | None = None

    def statistics(self) -> list[Statistic]:
        """The added statistics; empty before the first test."""
        latent = [] if self._latent is None else self._latent.statistics()
        return [*latent, *self._of_committee]

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(pl_module, BenchmarkModule) or not isinstance(data, StructuralDataModule):
            return
        if not self._is_fitted:
            self._fit(trainer, pl_module, data)
        if self._latent is not None:
            self._capture = LatentCapture(self._latent.space).__enter__()
        if self._of_committee:
            self._hook = pl_module.register_forward_hook(self._keep_prediction)

    def _keep_prediction(self, module: Any, arguments: Any, output: Any) -> None:
        """Keep the first prediction of a test step, which is that of one member."""
        if self._predicted is None:
            self._predicted = output

    def _fit(self, trainer: Trainer, module: BenchmarkModule, data: StructuralDataModule) -> None:
        with trainer.precision_plugin.predict_step_context():
            self._latent = fitted_features(module, _batches(trainer, data))
        if module.snapshots:
            self._members = snapshots_of(self.checkpoint, module)
        if len(self._members) >= MIN_MEMBERS:
            self._of_committee = module.committee_statistics()
        self._is_fitted = True

    def on_test_batch_start(self, *arguments: Any, **named: Any) -> None:
        self._predicted = None
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
        if not isinstance(outputs, dict) or not isinstance(pl_module, BenchmarkModule):
            return
        if self._latent is not None and self._capture is not None:
            groups = pl_module.latent_groups(batch)
            outputs |= self._latent.values(self._capture.read(len(sample_ids(batch)), groups))
        if self._of_committee:
            with trainer.precision_plugin.predict_step_context(), isolate_rng():
                found = committee_predictions(pl_module, self._members, batch, self._predicted)
            outputs |= pl_module.committee_spread(found, batch)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop reading activations and predictions, also after a test that failed."""
        self._predicted = None
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        if self._capture is not None:
            self._capture.__exit__()
            self._capture = None


def _batches(trainer: Trainer, data: StructuralDataModule) -> Iterable[Any]:
    """Batches of the training samples on this rank's device, the same on every rank."""
    known = data.reference
    known.trainer = trainer
    rows = known.compared_rows
    if not len(rows):
        return
    loader = known.loader(EvaluationBatches(rows, known.evaluation_batch_size, Ranks()))
    for batch in loader:
        yield trainer.strategy.batch_to_device(batch, dataloader_idx=0)
