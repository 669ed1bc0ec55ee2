"""An exponential moving average of the weights, for validation and checkpoints.

Lightning's `WeightAveraging` copies the whole module. A copy of a nequip net with parity has one
buffer more than the net, so the two don't match, and pairing every buffer at each step takes ten
times as long as averaging. Here an average belongs to its parameter, whatever its names in the
module.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

LIVE = "current_model_state"
"""Key of the trained weights in a checkpoint whose `state_dict` holds their averages, as in
Lightning's `WeightAveraging`."""


class ExponentialMovingAverage(Callback):
    """Averages the parameters after each step; validation and checkpoints use the averages.

    The decay after step n is min(decay, (1 + n) / (10 + n)), n from 1, as in nequip. Only
    floating-point parameters are averaged, not buffers (running statistics of batch
    normalisation), as in `torch.optim.swa_utils.AveragedModel` by default. A checkpoint's
    `state_dict` is the state that validation used.

    Args:
        decay: in [0, 1).
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.averages: dict[Tensor, Tensor] = {}
        self.weights: list[Tensor] = []  # found anew by each validation; it takes 1/50 of a step
        self.is_exchanged = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.weights = _averaged(pl_module)
        # a checkpoint is loaded before the module is moved to its device
        self.averages = {
            weight: self.averages.get(weight, weight.detach().clone()).to(weight)
            for weight in self.weights
        }

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.steps:  # gradients were only accumulated
            return
        self.steps = trainer.global_step
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._averages_of(self.weights), self.weights, 1 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._exchange(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._exchange(pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Put the trained weights back if validation is interrupted."""
        if self.is_exchanged:
            self._exchange(pl_module)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        current = deepcopy(checkpoint["state_dict"])
        self._exchange(pl_module)
        try:
            other = deepcopy(pl_module.state_dict())
        finally:
            self._exchange(pl_module)
        averages, live = (current, other) if self.is_exchanged else (other, current)
        checkpoint["state_dict"], checkpoint[LIVE] = averages, live

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """When training resumes, take the averages from the module and load the trained weights."""
        if not trainer.training:
            return
        self.averages = {weight: weight.detach().clone() for weight in _averaged(pl_module)}
        pl_module.load_state_dict(checkpoint[LIVE])

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.steps = state_dict["steps"]

    def _averages_of(self, weights: list[Tensor]) -> list[Tensor]:
        """The average of each parameter; a new parameter starts from its value."""
        for weight in weights:
            if weight not in self.averages:
                self.averages[weight] = weight.detach().clone()
        return [self.averages[weight] for weight in weights]

    @torch.no_grad()
    def _exchange(self, pl_module: LightningModule) -> None:
        """Exchange weights and averages; does nothing before training starts."""
        if self.averages:
            self.weights = _averaged(pl_module)
            averages = self._averages_of(self.weights)
            copies = [weight.clone() for weight in self.weights]
            torch._foreach_copy_(self.weights, averages)
            torch._foreach_copy_(averages, copies)
            self.is_exchanged = not self.is_exchanged


def _averaged(module: nn.Module) -> list[Tensor]:
    """The unique parameters that are averaged."""
    return [w for w in module.parameters() if w.is_floating_point() or w.is_complex()]
