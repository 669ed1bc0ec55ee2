"""Ending a training between two of its steps, with a checkpoint to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loops.evaluation_loop import RestartStage
from lightning.pytorch.trainer.states import TrainerFn

from saibench.runs.stopping import STOP


class StopBetweenSteps(Callback):
    """Saves the step that training has come to when this process is told to stop, and ends it.

    All ranks end before the same step: each asks the others before it begins one. In a validation
    each ends by itself, since the weights are the same on all; it is done again from its start.

    Args:
        path: of the checkpoint that training resumes from.

    Raises:
        KeyboardInterrupt: training has ended; what can be saved was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owes_validation = False
        self._group: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning, whose ranks would not end at one step."""
        STOP.retake()
        if trainer.world_size > 1:
            self._group = torch.distributed.new_group(backend="gloo")
        if self.owes_validation:  # Lightning takes an epoch whose batches are done for validated
            trainer.fit_loop.epoch_loop.val_loop._restart_stage = (
                RestartStage.RESTARTED_MID_EVALUATION
            )
            self.owes_validation = False

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        if self._is_told(trainer):
            raise KeyboardInterrupt

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if STOP.is_made:
            raise KeyboardInterrupt

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        if STOP.is_made:
            raise KeyboardInterrupt

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save, unless a step was begun: what it has done to the weights is not known."""
        is_told = STOP.is_made or isinstance(exception, KeyboardInterrupt)
        if trainer.state.fn != TrainerFn.FITTING or not is_told:
            return
        steps: Any = trainer.fit_loop.epoch_loop.batch_progress.current
        if steps.completed == steps.started and steps.started:
            self.owes_validation = trainer.validating
            checkpoint = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
            _between_steps(checkpoint["loops"]["fit_loop"])
            trainer.strategy.save_checkpoint(checkpoint, self.path)  # rank 0 writes, none waits

    def state_dict(self) -> dict[str, Any]:
        return {"owes_validation": self.owes_validation}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.owes_validation = state_dict["owes_validation"]

    def _is_told(self, trainer: Trainer) -> bool:
        if self._group is None:
            return STOP.is_made
        told = torch.tensor(int(STOP.is_made))
        torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX, group=self._group)
        return bool(told)


def _between_steps(loops: dict[str, Any]) -> None:
    """Forget a batch that was fetched and not begun, and a validation that was begun."""
    steps = loops["epoch_loop.batch_progress"]
    steps["current"]["ready"] = steps["current"]["started"]
    steps["total"]["ready"] = steps["total"]["started"]
    validated = loops["epoch_loop.val_loop.batch_progress"]["current"]
    for name in validated:
        validated[name] = 0
