"""What saibench asks of a LightningModule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from lightning import LightningModule
from torch import Tensor

from saibench.datamodules.structural import StructuralDataModule
from saibench.evidence.statistic import PartitionMetric, Statistic


class BenchmarkModule(LightningModule):
    """A LightningModule whose `test_step` reports statistics of every sample.

    A subclass is an ordinary LightningModule (`training_step`, `validation_step`,
    `configure_optimizers`) that also

    - takes `facts`, what the training partition says about itself (builtins only, so that the
      checkpoint can hold them), and calls `save_hyperparameters()`;
    - logs `val/loss` in validation, whose smallest value chooses the weights that are tested;
    - lists its statistics in `statistics()`;
    - returns from `test_step` a dict of `Statistic.key` → `(B,)`, `(B, axis)`, or of crossed axes
      `(B, axis, axis)`, in the order of the batch, and for one that is `partial` bools of the same
      shape under `defined_key`.
    """

    precisions: ClassVar[tuple[str, ...]] = ("32-true", "bf16-mixed", "16-mixed")
    """Values of `trainer.precision` that the model can be trained with."""

    finds_unused_parameters: ClassVar[bool] = False
    """Whether a step may leave parameters without a gradient, which DDP has to look for."""

    inference_mode: ClassVar[bool] = False
    """Whether validation and test run in `torch.inference_mode()`, in which no gradient can be
    taken, and whose tensors no training step may use; by default they run in `torch.no_grad()`."""

    validated: ClassVar[tuple[str, ...]] = ()
    """What it logs in validation, which `lr_schedule.monitor` may name; empty: not known."""

    @classmethod
    def check(cls, settings: Mapping[str, Any], max_steps: int | None) -> None:
        """Refuse settings that can't work, before anything is written.

        Args:
            settings: the node `model` of a point's settings.
            max_steps: the budget, None where it is wall time.

        Raises:
            UserError: what does not fit, and what would work.
        """

    @property
    def trains(self) -> bool:
        """Whether there is anything to train; a baseline says no, and is tested as it is."""
        return True

    def load_initial_weights(self) -> None:
        """Load weights that the model starts from; called before the first step of all."""

    def keep_shown(self, folder: Path, data: StructuralDataModule) -> None:
        """Keep in the point's folder what its report shows of single samples, `data.shown`.

        Called in one process, after the test, with the tested weights. By default nothing is kept.
        """

    def statistics(self) -> list[Statistic]:
        """The statistics that `test_step` returns, with unit and normalisation."""
        raise NotImplementedError

    def partition_metrics(self) -> list[PartitionMetric]:
        """Metrics of a partition that are no means of its statistics, such as the area of a ROC."""
        return []

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        raise NotImplementedError
