"""Shorten the last epoch if the steps are no multiple of the validation interval."""

from __future__ import annotations

from lightning import Callback, LightningModule, Trainer


class ShortLastRound(Callback):
    """Ends the last epoch, a round of steps up to a validation, when all steps are done.

    Args:
        steps: of the whole training.
        every: steps per round.
    """

    def __init__(self, steps: int, every: int) -> None:
        self.steps = steps
        self.every = every

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        remaining = self.steps - trainer.current_epoch * self.every
        if remaining < self.every:
            trainer.fit_loop.max_batches = trainer.val_check_batch = remaining

    on_train_epoch_start = on_train_start  # a resumed epoch has only the former
