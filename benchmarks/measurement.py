"""Trainings and other tasks, timed in a fresh process on one thread."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch

from benchmarks.comparison import Comparison, Measurement
from benchmarks.step_timer import StepTimes

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """One training to be timed.

    Args:
        batch_size: samples per step.
        warm_up_steps: first steps, which are not timed.
        timed_steps: steps after those.
        device: `cpu` or `cuda`.
        only_steps: whether saibench ends after the last step, without its test and report.
    """

    batch_size: int
    warm_up_steps: int
    timed_steps: int
    device: str
    only_steps: bool = False

    @property
    def total_steps(self) -> int:
        return self.warm_up_steps + self.timed_steps

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text()))


Contestant = Callable[[Any, Path, Path], list[str]]
"""Task, scratch folder and file for the times → the command that trains and writes the times."""


class ContestantFailed(RuntimeError):
    """A process ended with an error, or took too long; the message has the end of its output."""

    @property
    def cause(self) -> str:
        """The last line of the output."""
        return str(self).strip().rpartition("\n")[2]


def argument_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of `python -m <module>`, whose help is the module's docstring."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def comparison_parser(
    module: str, description: str | None, contestants: Iterable[str], repeats: int
) -> argparse.ArgumentParser:
    """As `argument_parser`, with the options of every comparison of trainings."""
    names = list(contestants)
    parser = argument_parser(module, description)
    add = parser.add_argument
    add("--repeats", type=int, default=repeats, help="trainings of each contestant")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--only-steps", action="store_true", help="without the test and report of saibench")
    add("--limit", type=float, metavar="SECONDS", help="of one training; none by default")
    add("--which", nargs="+", choices=names, default=names)
    add("--json", type=Path, metavar="OUT", help="write every measurement to this file")
    return parser


def compare(
    options: argparse.Namespace,
    contestants: Mapping[str, Contestant],
    task: TrainingTask,
    samples: str,
    title: str,
) -> int:
    """Measure the chosen contestants, write and print the table; return the exit code.

    Args:
        options: of `comparison_parser`.
        contestants: by name.
        task: of every contestant.
        samples: what is trained on.
        title: of the table.
    """

    def save(found: Comparison) -> None:
        write_json(options.json, {"task": asdict(task), "measurements": found.to_json()})

    chosen = {name: contestants[name] for name in options.which}
    found = measure_in_turn(chosen, task, options.repeats, samples, options.limit, save)
    print(found.to_text(title))
    return int(bool(found.failures))


def trainer_overrides(task: TrainingTask, folder: Path, times_file: Path) -> list[str]:
    """Overrides of `train.py` that time the steps of a training without anything else."""
    timer = "+trainer.callbacks.step_timer"
    return [
        f"trainer.max_steps={task.total_steps}",
        f"trainer.val_every={task.total_steps}",  # validation comes after the last timed step
        f"trainer.accelerator={'gpu' if task.device == 'cuda' else 'cpu'}",
        "trainer.progress=false",
        "logger=none",
        f"{timer}._target_=benchmarks.step_timer.StepTimer",
        f"{timer}.path={times_file}",
        f"{timer}.warm_up_steps={task.warm_up_steps}",
        f"{timer}.total_steps={task.total_steps}",
        f"{timer}.only_steps={str(task.only_steps).lower()}",
        f"hydra.run.dir={folder / 'study'}",
    ]


def measure_in_turn(
    contestants: Mapping[str, Contestant],
    task: TrainingTask,
    repeats: int,
    samples: str,
    limit: float | None = None,
    save: Callable[[Comparison], object] = lambda _: None,
) -> Comparison:
    """Train each contestant once per repeat, with the rates printed to stderr.

    An empty cache is used for contestants whose name ends in `_cold`. A contestant that fails is
    not repeated.

    Args:
        contestants: by name.
        task: of every contestant.
        repeats: trainings of each.
        samples: what is trained on.
        limit: seconds of one training with its process; None for no limit.
        save: called after each training with all that was measured until then.
    """
    measurements: list[Measurement] = []
    failures: dict[str, str] = {}
    for repeat in range(repeats):
        for name, contestant in contestants.items():
            if name in failures:
                continue
            try:
                with tempfile.TemporaryDirectory() as cache:
                    cold = {"SAIBENCH_CACHE_DIR": cache} if name.endswith("_cold") else {}
                    measurement = _measure(name, contestant, task, repeat, cold, limit)
            except ContestantFailed as error:
                print(f"  {repeat + 1}/{repeats} {error}", file=sys.stderr)
                failures[name] = error.cause
                measurements = [one for one in measurements if one.contestant != name]
            else:
                rate = f"{measurement.samples_per_second:.1f} samples/s"
                print(f"  {repeat + 1}/{repeats} {name}: {rate}", file=sys.stderr)
                measurements.append(measurement)
            save(Comparison(samples, measurements, failures))
    return Comparison(samples, measurements, failures)


def write_json(path: Path | None, content: Any) -> None:
    """Replace the file in one step, since the process may be killed; nothing without a path."""
    if path is not None:
        aside = path.with_name(f"{path.name}.part")
        aside.write_text(json.dumps(content, indent=1))
        aside.replace(path)


def _measure(
    name: str,
    contestant: Contestant,
    task: TrainingTask,
    repeat: int,
    variables: dict[str, str],
    limit: float | None,
) -> Measurement:
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
        times_file = Path(scratch) / "times.json"
        command = contestant(task, Path(scratch), times_file)  # its preparation is not timed
        started = time.perf_counter()
        run_process(name, command, limit, **variables)
        stopped = time.perf_counter()
        times = StepTimes(**json.loads(times_file.read_text()))
    samples = times.timed_steps * task.batch_size
    return Measurement(
        contestant=name,
        repeat=repeat,
        samples_per_second=samples / (times.timing_ended - times.timing_began),
        samples_per_cpu_second=samples / times.cpu_seconds,
        seconds_to_first_step=times.first_step_began - started,
        seconds_to_last_step=times.timing_ended - started,
        seconds_after_last_step=stopped - times.timing_ended,
    )


def run_process(
    name: str, command: Sequence[str], limit: float | None = None, **variables: str
) -> None:
    """Run a command on one thread, with further environment variables.

    Raises:
        ContestantFailed: it ended with an error, or after the limit in seconds.
    """
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **one_thread, "PYTHONPATH": _module_path(), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        raise ContestantFailed(f"{name} took longer than {limit:.0f} s") from None
    if ended.returncode:
        output = (ended.stdout + ended.stderr)[-3000:]
        raise ContestantFailed(f"{name} ended with code {ended.returncode}:\n{output}")


def _module_path() -> str:
    """The repository, and where else this process was told to look for modules."""
    return os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))


@dataclass(frozen=True)
class Usage:
    """Resources of the timed part of a task.

    Args:
        seconds: wall time.
        cpu_seconds: CPU time of the process.
        peak_megabytes: peak memory of the GPU, or of the process with Python and PyTorch.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float


def run_task(module: str, task: Any) -> Usage:
    """Run a task (a dataclass) in a fresh process: `python -m <module> TASK.json RESULT.json`."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        task_file, result_file = Path(scratch) / "task.json", Path(scratch) / "result.json"
        task_file.write_text(json.dumps(asdict(task)))
        run_process(module, [sys.executable, "-m", module, str(task_file), str(result_file)])
        return Usage(**json.loads(result_file.read_text()))


def task_main(make_task: Callable[..., Any], measure: Callable[[Any], Usage]) -> None:
    """The main function of a module for `run_task`."""
    task_file, result_file = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    task = make_task(**json.loads(task_file.read_text()))
    result_file.write_text(json.dumps(asdict(measure(task))))


def peak_megabytes(device: torch.device) -> float:
    """Peak memory of this process, in units of 2^20 bytes: of the GPU if it uses one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
