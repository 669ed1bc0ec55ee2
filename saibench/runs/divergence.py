"""Stop a training whose loss or weights contain NaN or Inf, before its checkpoint is saved."""

from __future__ import annotations

from itertools import islice
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from saibench.errors import UserError
from saibench.runs.finite_batches import refuse_inputs_not_finite

MAX_BATCHES = 10_000
"""Most batches of a loader that are searched for NaN."""
MONITORED = "val/loss"
"""Validation metric that every module logs; its smallest value selects `best.ckpt`."""


class DivergenceGuard(Callback):
    """Checks once per validation that losses and weights are finite.

    A check at each step would make the GPU wait for the CPU, so losses are summed.

    Raises:
        UserError: the model diverged, the data contain NaN or Inf, or no `val/loss` is logged.
    """

    def __init__(self) -> None:
        self.losses: torch.Tensor | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *batch: Any
    ) -> None:
        if not outputs:  # the module skipped this batch
            return
        loss = outputs["loss"].detach().double()
        self.losses = loss if self.losses is None else self.losses + loss

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.losses is not None and not self.losses.isfinite():
            raise _diverged(trainer, "the training loss is NaN or Inf")
        for name, weights in pl_module.named_parameters():
            if not weights.isfinite().all():
                raise _diverged(trainer, f"weights '{name}' contain NaN or Inf")
        self.losses = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        value = trainer.callback_metrics.get(MONITORED)
        if value is None:
            raise UserError(
                f"{type(pl_module).__name__} logs no {MONITORED}, which selects the best "
                f'checkpoint. Call self.log("{MONITORED}", …) in validation_step.'
            )
        if not value.isfinite():
            raise _diverged(trainer, f"{MONITORED} is {value:g}")


def _diverged(trainer: Trainer, reason: str) -> UserError:
    """The error of a diverged model; raises another if the data are not finite."""
    data = getattr(trainer, "datamodule", None)
    if data is not None:
        for loader in (data.val_dataloader(), data.train_dataloader()):
            refuse_inputs_not_finite(islice(loader, MAX_BATCHES))
    return UserError(
        f"the model diverged: {reason} at step {trainer.global_step}. Try a smaller "
        "model.optimizer.lr, or set trainer.gradient_clip."
    )
