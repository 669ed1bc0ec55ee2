"""Ending a training that has left the numbers, before it leaves a checkpoint."""

from __future__ import annotations

from itertools import islice
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from saibench.errors import UserError
from saibench.runs.finite_batches import refuse_inputs_not_finite

MAX_BATCHES = 10_000
"""Batches that are looked through for NaN, where a loader has no end."""
MONITORED = "val/loss"
"""The metric that every module logs in validation, and whose smallest value chooses `best.ckpt`."""


class DivergenceGuard(Callback):
    """Refuses losses and weights that are NaN or infinite, once a validation.

    Looking at each step would make a GPU wait for the CPU, so losses are only added up.

    Raises:
        UserError: the model diverged, or does not tell; or it was the data that are not finite.
    """

    def __init__(self) -> None:
        self.losses: torch.Tensor | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if not outputs:  # the module has left this batch out
            return
        loss = outputs["loss"].detach().double()
        self.losses = loss if self.losses is None else self.losses + loss

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.losses is not None and not self.losses.isfinite():
            raise _diverged(trainer, "its training loss is not finite")
        for name, weights in pl_module.named_parameters():
            if not weights.isfinite().all():
                raise _diverged(trainer, f"its weights '{name}' are not finite")
        self.losses = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        value = trainer.callback_metrics.get(MONITORED)
        if value is None:
            raise UserError(
                f"{type(pl_module).__name__} logs no {MONITORED}, by whose smallest value its best "
                f'weights are chosen: self.log("{MONITORED}", …) in validation_step would work.'
            )
        if not value.isfinite():
            raise _diverged(trainer, f"{MONITORED} is {value:g}")


def _diverged(trainer: Trainer, reason: str) -> UserError:
    """The sentence for a model that left the numbers, if its data did not."""
    data = getattr(trainer, "datamodule", None)
    if data is not None:
        for loader in (data.val_dataloader(), data.train_dataloader()):
            refuse_inputs_not_finite(islice(loader, MAX_BATCHES))
    return UserError(
        f"the model diverged: {reason} by step {trainer.global_step}; a smaller model.optimizer.lr "
        "or a trainer.gradient_clip may help."
    )
