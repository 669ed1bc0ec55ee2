"""saibench on the task, as a user would run it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.jets.task import MAX_CONSTITUENTS, RANGER, SEED, Task


def saibench_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """`python train.py …`: one point, its test and its report included; batches as they come."""
    return _command(task, folder, times_file, bucketed=False)


def saibench_bucketed_command(task: Task, folder: Path, times_file: Path) -> list[str]:
    """The same, its batches of jets of like length, as is the default."""
    return _command(task, folder, times_file, bucketed=True)


def _command(task: Task, folder: Path, times_file: Path, bucketed: bool) -> list[str]:
    timer = "+trainer.callbacks.step_timer"
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
        f"trainer.max_steps={task.total_steps}",
        f"trainer.val_every={task.total_steps}",  # validation comes after the last timed step
        f"trainer.precision={'bf16-mixed' if task.mixed else '32-true'}",
        f"trainer.accelerator={'gpu' if task.device == 'cuda' else 'cpu'}",
        "trainer.progress=false",
        "logger=none",
        f"{timer}._target_=benchmarks.step_timer.StepTimer",
        f"{timer}.path={times_file}",
        f"{timer}.warm_up_steps={task.warm_up_steps}",
        f"{timer}.total_steps={task.total_steps}",
        f"hydra.run.dir={folder / 'study'}",
    ]
