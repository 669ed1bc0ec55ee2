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
from benchmarks.measurement import trainer_overrides


def saibench_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """`python train.py …`: one run, including its test and its report."""
    return [
        *(sys.executable, "train.py", "data=rmd17"),
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
        f"model.net.dtype={task.model_dtype}",
        f"model.net.compile={_written(task.compiled)}",
        f"trainer.precision={task.precision}",
        "lr_schedule=linear",
        f"seed={SEED}",
        *trainer_overrides(task, folder, times_file),
    ]


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
