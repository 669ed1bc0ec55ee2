"""Models whose weights are a least-squares fit to all training samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from saibench.datamodules.field_dynamics.batch import FieldBatch
from saibench.models.field_dynamics.module import FieldDynamicsModule


class RegressionModule(FieldDynamicsModule):
    """Fits a net that is linear in its weights, by sums over the training steps.

    Each training step adds its batch to the net's normal equations, which are solved before each
    validation: with enough steps every pair of frames has entered. The sums are those of all ranks,
    so that a training resumed on any number of them continues with the saved sums.

    Args:
        net: `_target_` and settings of a net that also has `accumulate(fields, parameters, frame)`
            and `solve()`, and keeps its sums in buffers, added `over_ranks`.
        options: those of `FieldDynamicsModule`.
    """

    snapshots = 0

    def __init__(self, net: dict[str, Any], dataset_info: dict[str, Any], name: str, seed: int = 0,
                 checkpoint: str | None = None) -> None:  # fmt: skip
        super().__init__(net, dataset_info, name, checkpoint=checkpoint, seed=seed)
        self.automatic_optimization = False
        self.counted = nn.Parameter(torch.zeros(()))

    def configure_optimizers(self) -> Any:
        """An optimizer whose steps Lightning counts; no weight has a gradient."""
        return torch.optim.SGD([self.counted], lr=0.0)

    def training_step(self, batch: FieldBatch, batch_idx: int) -> Tensor | None:  # type: ignore[override]
        fields = self._standardised(torch.cat([batch.observed, batch.target], dim=1))
        history = batch.observed.shape[1]
        with torch.no_grad():
            for lead in range(batch.target.shape[1]):
                window, frame = fields[:, lead : lead + history], fields[:, lead + history]
                self.net.accumulate(window, self._conditions(batch), frame)
        self.optimizers().step()  # type: ignore[union-attr]
        return None

    def on_validation_epoch_start(self) -> None:
        super().on_validation_epoch_start()
        if not self.trainer.sanity_checking:
            self.net.solve()
