"""saibench on the task, as a user would run it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.jets.task import MAX_CONSTITUENTS, RANGER, SEED, Task
from benchmarks.measurement import trainer_overrides


def saibench_command(
    task: Task, folder: Path, times_file: Path, bucketed: bool = False
) -> list[str]:
    """`python train.py …`: one run, including its test and its report; batches in random order."""
    return [
        *(sys.executable, "train.py", "workload=jet_tagging", "data=top_landscape"),
        f"data.root={task.folder}",
        "subset.count=null",
        f"datamodule.batch_size={task.batch_size}",
        f"datamodule.max_constituents={MAX_CONSTITUENTS}",
        f"datamodule.bucketed={str(bucketed).lower()}",
        "model=particle_transformer",
        *(f"model.net.{name}={value}" for name, value in task.net.items()),
        *(f"model.optimizer.{name}={value}" for name, value in RANGER.items()),
        "lr_schedule=constant",
        f"seed={SEED}",
        f"trainer.precision={'bf16-mixed' if task.mixed else '32-true'}",
        *trainer_overrides(task, folder, times_file),
    ]


def saibench_bucketed_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """The same with batches of jets of similar length, as by default."""
    return saibench_command(task, folder, times_file, bucketed=True)


def saibench_compiled_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """The same with the net compiled."""
    return [*saibench_bucketed_command(task, folder, times_file), "model.net.compile=true"]
