"""Stop a training between two steps, with a checkpoint to resume from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loops.evaluation_loop import RestartStage
from lightning.pytorch.trainer.states import TrainerFn

from saibench.runs.stopping import STOP


class StopBetweenSteps(Callback):
    """Saves a checkpoint and ends training when this process receives a signal to stop.

    All ranks end before the same step, on which they agree at its start. In a validation each rank
    ends on its own, since all have the same weights; a resumed run repeats that validation.

    Args:
        path: of the checkpoint that training resumes from.

    Raises:
        KeyboardInterrupt: training has ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owes_validation = False
        self._group: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Replace Lightning's signal handlers, which would end the ranks at different steps."""
        STOP.retake()
        if trainer.world_size > 1:
            self._group = torch.distributed.new_group(backend="gloo")
        if self.owes_validation:  # after all batches Lightning counts an epoch as validated
            trainer.fit_loop.epoch_loop.val_loop._restart_stage = (
                RestartStage.RESTARTED_MID_EVALUATION
            )
            self.owes_validation = False

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        if self._stops(trainer):
            raise KeyboardInterrupt

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if STOP.requested:
            raise KeyboardInterrupt

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        self.on_validation_start(trainer, pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Save, unless within a step, whose effect on the weights is unknown."""
        stopped = STOP.requested or isinstance(exception, KeyboardInterrupt)
        if trainer.state.fn != TrainerFn.FITTING or not stopped:
            return
        steps: Any = trainer.fit_loop.epoch_loop.batch_progress.current
        if steps.completed == steps.started and steps.started:
            self.owes_validation = trainer.validating
            checkpoint = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
            _between_steps(checkpoint["loops"]["fit_loop"])
            trainer.strategy.save_checkpoint(checkpoint, self.path)  # rank 0 writes; no barrier

    def state_dict(self) -> dict[str, Any]:
        return {"owes_validation": self.owes_validation}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.owes_validation = state_dict["owes_validation"]

    def _stops(self, trainer: Trainer) -> bool:
        """Whether any rank received a signal to stop."""
        if self._group is None:
            return STOP.requested
        stop = torch.tensor(int(STOP.requested))
        torch.distributed.all_reduce(stop, torch.distributed.ReduceOp.MAX, group=self._group)
        return bool(stop)


def _between_steps(loops: dict[str, Any]) -> None:
    """Remove a fetched batch and an unfinished validation from the progress."""
    steps = loops["epoch_loop.batch_progress"]
    steps["current"]["ready"] = steps["current"]["started"]
    steps["total"]["ready"] = steps["total"]["started"]
    validated = loops["epoch_loop.val_loop.batch_progress"]["current"]
    for name in validated:
        validated[name] = 0
