"""saibench on the task, as a user would run it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.force_field.task import (
    ADAM,
    EMA_DECAY,
    ENERGY_WEIGHT,
    FORCE_WEIGHT,
    NET,
    SEED,
    Task,
)


def saibench_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """`python train.py …`: one point, its test and its report included."""
    return [sys.executable, "train.py", *_overrides(task, folder, times_file)]


def _overrides(task: Task, folder: Path, times_file: Path) -> list[str]:
    timer = "+trainer.callbacks.step_timer"
    return [
        "data=rmd17",
        f"data.molecule={task.molecule}",
        f"data.root={Path(task.file).parent}",
        f"subset.count={task.num_frames}",
        f"datamodule.batch_size={task.batch_size}",
        "model=nequip",
        *(f"model.net.{name}={_written(value)}" for name, value in NET.items()),
        *(f"++model.optimizer.{name}={_written(value)}" for name, value in ADAM.items()),
        f"model.loss.energy={ENERGY_WEIGHT}",
        f"model.loss.forces={FORCE_WEIGHT}",
        f"model.ema_decay={EMA_DECAY}",
        "lr_schedule=linear",
        f"seed={SEED}",
        f"trainer.max_steps={task.total_steps}",
        f"trainer.val_every={task.total_steps}",  # validation comes after the last timed step
        f"trainer.accelerator={'gpu' if task.device == 'cuda' else 'cpu'}",
        "trainer.progress=false",
        "logger=none",
        f"{timer}._target_=benchmarks.step_timer.StepTimer",
        f"{timer}.path={times_file}",
        f"{timer}.warm_up_steps={task.warm_up_steps}",
        f"{timer}.total_steps={task.total_steps}",
        f"hydra.run.dir={folder / 'study'}",
    ]


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
