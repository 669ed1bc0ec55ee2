"""A budget that is no multiple of the steps between two validations."""

from __future__ import annotations

from lightning import Callback, LightningModule, Trainer


class ShortLastRound(Callback):
    """Ends the last round after the steps that the budget leaves to it; it is validated too.

    Args:
        steps: of the whole training.
        every: steps of a round, which is Lightning's epoch.
    """

    def __init__(self, steps: int, every: int) -> None:
        self.steps = steps
        self.every = every

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._shorten(trainer)  # a round that resumes has no start of its own

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._shorten(trainer)

    def _shorten(self, trainer: Trainer) -> None:
        left = self.steps - trainer.current_epoch * self.every
        if left < self.every:
            trainer.fit_loop.max_batches = trainer.val_check_batch = left
