"""One training by one contestant, timed from outside and from within."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.force_field.task import Task
from benchmarks.step_timer import StepTimes

REPOSITORY = Path(__file__).resolve().parents[1]

Contestant = Callable[[Task, Path, Path], list[str]]
"""Task, scratch folder and file for the times → the command that trains and writes the times."""


@dataclass(frozen=True)
class Measurement:
    """One training of one contestant.

    Args:
        frames_per_second: by the clock, over the timed steps.
        frames_per_cpu_second: by the processor time of the training process.
        seconds_to_first_step: from the start of the process.
        seconds_after_last_step: to the end of the process.
    """

    contestant: str
    molecule: str
    batch_size: int
    repeat: int
    frames_per_second: float
    frames_per_cpu_second: float
    seconds_to_first_step: float
    seconds_after_last_step: float


class ContestantFailed(RuntimeError):
    """A training ended with an error; the message ends with the end of its output."""


@dataclass(frozen=True)
class Timing:
    """One training, from outside and from within.

    Args:
        started, stopped: of the process, on the clock of `StepTimes`.
        steps: what it wrote down itself.
    """

    started: float
    stopped: float
    steps: StepTimes


def measure(name: str, contestant: Contestant, task: Task, repeat: int) -> Measurement:
    """Train once in a fresh process on one thread."""
    timing = timed(name, lambda folder, times_file: contestant(task, folder, times_file))
    times = timing.steps
    num_frames = times.timed_steps * task.batch_size
    return Measurement(
        contestant=name,
        molecule=task.molecule,
        batch_size=task.batch_size,
        repeat=repeat,
        frames_per_second=num_frames / (times.timing_ended - times.timing_began),
        frames_per_cpu_second=num_frames / times.cpu_seconds,
        seconds_to_first_step=times.first_step_began - timing.started,
        seconds_after_last_step=timing.stopped - times.timing_ended,
    )


def timed(name: str, command: Callable[[Path, Path], list[str]], **environment: str) -> Timing:
    """Run a training in a fresh process on one thread.

    Args:
        name: of the contestant.
        command: from a scratch folder and the file for the times to the command; what it does by
            itself is not timed.
        environment: further variables of the process.

    Raises:
        ContestantFailed: the training ended with an error, or wrote no times.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
        times_file = Path(scratch) / "times.json"
        arguments = command(Path(scratch), times_file)
        started = time.perf_counter()
        ended = subprocess.run(
            arguments,
            cwd=REPOSITORY,
            env={**_environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        stopped = time.perf_counter()
        if ended.returncode or not times_file.exists():
            output = (ended.stdout + ended.stderr)[-3000:]
            raise ContestantFailed(f"{name} ended with code {ended.returncode}:\n{output}")
        return Timing(started, stopped, StepTimes(**json.loads(times_file.read_text())))


def _environment() -> dict[str, str]:
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return {**os.environ, **one_thread, "PYTHONPATH": str(REPOSITORY)}
