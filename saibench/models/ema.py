"""An exponential moving average of the weights, for validation and checkpoints.

Lightning's `WeightAveraging` copies the whole module. A copy of a nequip net with parity has one
buffer more than the net, and the two no longer match; and pairing every buffer each step costs ten
times what averaging does. Here the averages are a list beside the parameters.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

LIVE = "current_model_state"
"""Key of the trained weights in a checkpoint whose `state_dict` holds their averages; Lightning's
own averaging uses the same."""


class ExponentialMovingAverage(Callback):
    """Averages the parameters after each step; validation and checkpoints see the averages.

    The decay after step n is min(decay, (1 + n) / (10 + n)), n from 1, as nequip warms it up.

    Args:
        decay: in [0, 1).
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.averages: list[Tensor] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        weights = [weight.detach() for weight in pl_module.parameters()]
        if not self.averages:
            self.averages = [weight.clone() for weight in weights]
        # a checkpoint is loaded before the module is moved to its device
        self.averages = [a.to(w) for a, w in zip(self.averages, weights, strict=True)]

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.steps:  # gradients were only accumulated
            return
        self.steps = trainer.global_step
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averages, list(pl_module.parameters()), 1 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap(pl_module)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        live = checkpoint["state_dict"]
        names = [name for name, _ in pl_module.named_parameters()]
        averages = dict(zip(names, self.averages, strict=True))
        checkpoint[LIVE] = live
        checkpoint["state_dict"] = {name: averages.get(name, live[name]) for name in live}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """When training resumes, the module has the averages, and gets its own weights back."""
        if not trainer.training:
            return
        self.averages = [
            checkpoint["state_dict"][name].clone() for name, _ in pl_module.named_parameters()
        ]
        pl_module.load_state_dict(checkpoint[LIVE])

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.steps = state_dict["steps"]

    @torch.no_grad()
    def _swap(self, pl_module: LightningModule) -> None:
        """Exchange weights and averages; before training starts there is nothing to exchange."""
        if self.averages:
            weights: list[Tensor] = list(pl_module.parameters())
            kept = [weight.clone() for weight in weights]
            torch._foreach_copy_(weights, self.averages)
            torch._foreach_copy_(self.averages, kept)
