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


def measure(name: str, contestant: Contestant, task: Task, repeat: int) -> Measurement:
    """Train once in a fresh process on one thread."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
        times_file = Path(scratch) / "times.json"
        command = contestant(task, Path(scratch), times_file)
        started = time.perf_counter()
        ended = subprocess.run(
            command, cwd=REPOSITORY, env=_environment(), capture_output=True, text=True, check=False
        )
        stopped = time.perf_counter()
        if ended.returncode or not times_file.exists():
            output = (ended.stdout + ended.stderr)[-3000:]
            raise ContestantFailed(f"{name} ended with code {ended.returncode}:\n{output}")
        times = StepTimes(**json.loads(times_file.read_text()))
    num_frames = times.timed_steps * task.batch_size
    return Measurement(
        contestant=name,
        molecule=task.molecule,
        batch_size=task.batch_size,
        repeat=repeat,
        frames_per_second=num_frames / (times.timing_ended - times.timing_began),
        frames_per_cpu_second=num_frames / times.cpu_seconds,
        seconds_to_first_step=times.first_step_began - started,
        seconds_after_last_step=stopped - times.timing_ended,
    )


def _environment() -> dict[str, str]:
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return {**os.environ, **one_thread, "PYTHONPATH": str(REPOSITORY)}
