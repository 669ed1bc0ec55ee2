"""What saibench asks of a LightningModule."""

from __future__ import annotations

from typing import Any

from lightning import LightningModule
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from saibench.evidence.statistic import Statistic


class BenchmarkModule(LightningModule):
    """A LightningModule whose `test_step` reports statistics of every sample.

    A subclass is an ordinary LightningModule (`training_step`, `validation_step`,
    `configure_optimizers`) that also

    - takes `facts`, what the training partition says about itself (builtins only, so that the
      checkpoint can hold them), and calls `save_hyperparameters()`;
    - lists its statistics in `statistics()`;
    - returns from `test_step` a dict of `Statistic.key` → `(B,)`, or `(B, axis)`, in the order
      of the batch.
    """

    def statistics(self) -> list[Statistic]:
        """The statistics that `test_step` returns, with unit and normalisation."""
        raise NotImplementedError

    def test_step(self, batch: Any, batch_idx: int) -> dict[str, Tensor]:
        raise NotImplementedError


class WarmedUpEMA(WeightAveraging):
    """Exponential moving average of the weights, used for validation and in checkpoints.

    The decay at step n is min(decay, (1 + n) / (10 + n)), as nequip warms it up.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Any, current: Any, num_averaged: Tensor) -> None:
            steps = int(num_averaged)
            get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(
                averaged, current, num_averaged
            )

        super().__init__(use_buffers=False, multi_avg_fn=average)
