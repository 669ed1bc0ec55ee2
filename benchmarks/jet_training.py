"""How fast saibench trains a tagger, beside a bare PyTorch loop and weaver's own.

    python -m benchmarks.jet_training
    python -m benchmarks.jet_training --size published --batch 32 --steps 20 --repeats 1

Every contestant trains the same Particle Transformer on the same jets of TopLandscape, in a fresh
process on one thread, each batch trimmed to its longest jet. They take turns, so that what else
the machine does falls on all of them alike; only ratios within one run are to be trusted. A ratio
is given by the clock and, in brackets, by processor time, which suffers less from neighbours.

    bare               a PyTorch loop on features in memory: the limit
    saibench           train.py, its cache filled by an earlier run
    saibench_cold      train.py with an empty cache: the HDF5 files are read first
    saibench_bucketed  train.py with batches of jets of like length, which are trimmed further
    weaver             weaver from Parquet files, which are made beforehand
    weaver_memory      weaver --in-memory
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.jets.bare_loop import bare_loop_command
from benchmarks.jets.saibench_train import saibench_bucketed_command, saibench_command
from benchmarks.jets.task import SIZES, Task
from benchmarks.jets.weaver_train import weaver_command, weaver_in_memory_command
from benchmarks.measurement import timed
from saibench.datamodules.files import data_roots, find_file
from saibench.errors import UserError

CONTESTANTS = {
    "bare": bare_loop_command,
    "saibench": saibench_command,
    "saibench_cold": saibench_command,
    "saibench_bucketed": saibench_bucketed_command,
    "weaver": weaver_command,
    "weaver_memory": weaver_in_memory_command,
}


@dataclass(frozen=True)
class Measurement:
    """One training of one contestant; rates are over the timed steps."""

    contestant: str
    repeat: int
    jets_per_second: float
    jets_per_cpu_second: float
    seconds_to_first_step: float
    seconds_to_last_step: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        task = task_of(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    measurements = []
    for repeat in range(options.repeats):
        for name in options.which:
            measurement = measure(name, task, repeat)
            rate = f"{measurement.jets_per_second:.1f} jets/s"
            print(f"  {repeat + 1}/{options.repeats} {name}: {rate}", file=sys.stderr)
            measurements.append(measurement)
    print(table(task, options.which, measurements))
    if options.json:
        held = {"task": asdict(task), "measurements": [asdict(m) for m in measurements]}
        options.json.write_text(json.dumps(held, indent=1))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.jet_training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--size", choices=list(SIZES), default="small", help="of the Particle Transformer")
    add("--batch", type=int, default=32, help="jets a step")
    add("--steps", type=int, default=30, help="timed steps")
    add("--warm-up", type=int, default=5, help="steps before those")
    add("--repeats", type=int, default=2, help="trainings of each contestant")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--mixed", action="store_true", help="bfloat16; weaver has it on a GPU alone")
    add("--which", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    add("--json", type=Path, metavar="OUT", help="write every measurement to this file")
    return parser.parse_args(arguments)


def task_of(options: argparse.Namespace) -> Task:
    """The task that the command line asks for.

    Raises:
        UserError: TopLandscape is not there, or the numbers leave nothing to time.
    """
    if min(options.batch, options.steps, options.warm_up, options.repeats) < 1:
        raise UserError("--batch, --steps, --warm-up and --repeats of at least 1 would work.")
    train = find_file(
        ["train.h5"],
        data_roots(None, "top_landscape"),
        ["top_landscape"],
        "Run `python -m saibench data download top_landscape`, or set SAIBENCH_DATA_DIR",
    )
    return Task(
        folder=str(train.parent),
        size=options.size,
        batch_size=options.batch,
        warm_up_steps=options.warm_up,
        timed_steps=options.steps,
        device=options.device,
        mixed=options.mixed,
    )


def measure(name: str, task: Task, repeat: int) -> Measurement:
    with tempfile.TemporaryDirectory() as cache:
        environment = {"SAIBENCH_CACHE_DIR": cache} if name == "saibench_cold" else {}
        contestant = CONTESTANTS[name]
        timing = timed(name, lambda *files: contestant(task, *files), **environment)
    steps = timing.steps
    jets = steps.timed_steps * task.batch_size
    return Measurement(
        contestant=name,
        repeat=repeat,
        jets_per_second=jets / (steps.timing_ended - steps.timing_began),
        jets_per_cpu_second=jets / steps.cpu_seconds,
        seconds_to_first_step=steps.first_step_began - timing.started,
        seconds_to_last_step=steps.timing_ended - timing.started,
    )


def table(task: Task, names: Sequence[str], measurements: Sequence[Measurement]) -> str:
    """Medians over the repeats, and each contestant's rate over that of every other."""
    runs = {name: [m for m in measurements if m.contestant == name] for name in names}
    headings = ["jets/s", "per CPU s", "to 1st step", "to last"]
    precision = "bfloat16" if task.mixed else "float32"
    lines = [
        f"Particle Transformer ({task.size}), batch {task.batch_size}, {precision}, "
        f"{task.timed_steps} steps, {task.device}",
        _row("", [*headings, *(f"/ {name}" for name in names)]),
    ]
    for name, own in runs.items():
        cells = [
            f"{median(run.jets_per_second for run in own):.1f}",
            f"{median(run.jets_per_cpu_second for run in own):.1f}",
            f"{median(run.seconds_to_first_step for run in own):.1f} s",
            f"{median(run.seconds_to_last_step for run in own):.1f} s",
        ]
        lines.append(_row(name, [*cells, *(_ratio(own, others) for others in runs.values())]))
    return "\n".join(lines)


def _row(title: str, cells: Sequence[str]) -> str:
    return f"{title:18}" + "".join(f"{cell:>20}" for cell in cells)


def _ratio(runs: Sequence[Measurement], others: Sequence[Measurement]) -> str:
    """Median of the ratios within each repeat, by the clock and by processor time."""
    pairs = list(zip(runs, others, strict=True))
    clock = median(run.jets_per_second / other.jets_per_second for run, other in pairs)
    cpu = median(run.jets_per_cpu_second / other.jets_per_cpu_second for run, other in pairs)
    return f"{clock:.2f} ({cpu:.2f})"


if __name__ == "__main__":
    sys.exit(main())
