"""Lightning callbacks that interrupt a training, for `+trainer.callbacks.<name>`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer


class Interruption(Callback):
    """Interrupts at a step as the environment says: `kill@5`, `raise@5`.

    `term` is SIGTERM, `term1` SIGTERM to the second rank alone, `validation` SIGTERM in the
    validation after the step, `each@1` SIGTERM after one step of every session. The environment is
    not a setting, so an interrupted run has the hash of an uninterrupted one.
    """

    def __init__(self) -> None:
        self.steps = 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        action, _, step = os.environ.get("INTERRUPTION", "").partition("@")
        self.steps += 1
        if action == "each":
            if self.steps == int(step) + 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return
        if action and trainer.global_step == int(step):
            if action in ("term", "term1"):
                if action == "term" or trainer.global_rank == 1:
                    os.kill(os.getpid(), signal.SIGTERM)
                return
            if action == "validation":
                return
            if action == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if action == "interrupt":  # a process started in the background ignores Ctrl-C
                signal.signal(signal.SIGINT, signal.default_int_handler)
                os.kill(os.getpid(), signal.SIGINT)
            raise RuntimeError(f"interrupted at step {step}")

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        if os.environ.get("INTERRUPTION") == f"validation@{trainer.global_step}":
            os.kill(os.getpid(), signal.SIGTERM)


class Failure(Callback):
    """Raises at a step, or kills the process, optionally for one seed or on one rank.

    Args:
        study: its folder, in which another run has to begin before.
    """

    def __init__(
        self,
        step: int,
        seed: int | None = None,
        rank: int | None = None,
        kill: bool = False,
        study: str | None = None,
    ) -> None:
        self.step, self.seed, self.rank, self.kill = step, seed, rank, kill
        self.study = study

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        here = trainer.global_step == self.step
        seed = self.seed in (None, pl_module.hparams["seed"])
        if here and seed and self.rank in (None, trainer.global_rank):
            if self.study is not None:
                _wait_for_another_run(Path(self.study))
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("a deliberate failure")


def _wait_for_another_run(study: Path, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while len(list(study.glob("*/run.json"))) < 2:
        if time.monotonic() > end:
            raise TimeoutError(f"no other run in {study}")
        time.sleep(0.05)


class Poison(Callback):
    """Makes one weight NaN or huge at a step."""

    def __init__(self, step: int, value: float = float("nan")) -> None:
        self.step, self.value = step, value

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        if trainer.global_step == self.step:
            with torch.no_grad():
                next(pl_module.parameters()).fill_(self.value)


class Waiting(Callback):
    """Waits at a step until the file `go_<seed>` exists; until then `pid_<seed>` names the process.

    Args:
        step: before which it waits.
        folder: of these files.
    """

    def __init__(self, step: int, folder: str) -> None:
        self.step, self.folder = step, Path(folder)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *batch: Any
    ) -> None:
        if trainer.global_step != self.step:
            return
        seed = pl_module.hparams["seed"]
        waiting = self.folder / f"pid_{seed}"
        waiting.write_text(str(os.getpid()))
        while not (self.folder / f"go_{seed}").exists():
            time.sleep(0.1)
        waiting.unlink()
