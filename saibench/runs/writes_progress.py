"""Write how far a training or test is, for `saibench status`."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

from saibench.errors import PartFailed
from saibench.files.bounded_json import write_json
from saibench.runs.progress import FILE, Progress

SECONDS = 2.0
"""Least time between two writes."""


class WritesProgress(Callback):
    """Writes `progress.json` every few seconds; `execute` removes it when the run ends.

    A disk that refuses it does not end the training.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._started = self._written = 0.0
        self._before = 0
        self._refused = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started, self._before = time.time(), _steps(trainer)
        self._write(trainer, "trains")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        if time.time() - self._written >= SECONDS:
            self._write(trainer, "trains")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, "is tested")

    def _write(self, trainer: Trainer, phase: Literal["trains", "is tested"]) -> None:
        self._written = time.time()
        if self._refused or not trainer.is_global_zero:
            return
        steps = _steps(trainer)
        now = Progress(
            phase=phase,
            steps=steps,
            session_steps=steps - self._before,
            session_seconds=round(self._written - self._started, 2) if self._started else 0.0,
            seconds=round(_seconds(trainer), 2),
            written=round(self._written, 2),
        )
        try:
            write_json(self.path, asdict(now))
        except OSError as error:
            self._refused = True
            warnings.warn(
                f"{self.path} cannot be written ({error.strerror}), so `saibench status` does not "
                "know how far this run is.",
                PartFailed,
                stacklevel=2,
            )


def _steps(trainer: Trainer) -> int:
    return trainer.fit_loop.epoch_loop.batch_progress.total.completed


def _seconds(trainer: Trainer) -> float:
    """Seconds of training in all sessions; 0 for a model that is not trained."""
    timers = [one for one in trainer.callbacks if isinstance(one, Timer)]  # type: ignore[attr-defined]
    return sum(timer.time_elapsed() for timer in timers)
