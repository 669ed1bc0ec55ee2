"""How fast saibench trains a force field, beside a bare PyTorch loop and nequip-train.

    python -m benchmarks.force_field_training
    python -m benchmarks.force_field_training --molecules ethanol --batch 5 --which bare saibench

Every contestant trains the same NequIP on the same frames, in a fresh process on one thread. They
take turns, so that what else the machine does falls on all of them alike; only ratios within one
run are to be trusted. A ratio is given by the clock and, in brackets, by processor time, which
suffers less from neighbours.

    bare          a PyTorch loop on tensors in memory: the limit
    saibench      train.py
    nequip_rmd17  nequip-train with its own rMD17 data module
    nequip_lmdb   nequip-train with LMDB, its fastest data set (nequip 0.19 wants lmdb < 3)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.force_field.bare_loop import bare_loop_command
from benchmarks.force_field.nequip_train import lmdb_command, rmd17_module_command
from benchmarks.force_field.saibench_train import saibench_command
from benchmarks.force_field.task import Task
from benchmarks.measurement import Contestant, Measurement, measure
from saibench.errors import UserError

NUM_FRAMES = 1000
WARM_UP_STEPS = 10
MIN_STEPS = 20

CONTESTANTS: dict[str, Contestant] = {
    "bare": bare_loop_command,
    "saibench": saibench_command,
    "nequip_rmd17": rmd17_module_command,
    "nequip_lmdb": lmdb_command,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        tasks = [
            task_of(molecule, batch_size, options)
            for molecule in options.molecules
            for batch_size in options.batch
        ]
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    measurements: list[Measurement] = []
    for task in tasks:
        of_task = measure_in_turn(task, options.which, options.repeats)
        print(table(task, options.which, of_task), end="\n\n", flush=True)
        measurements += of_task
        if options.json:
            options.json.write_text(json.dumps([asdict(m) for m in measurements], indent=1))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.force_field_training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--molecules", nargs="+", default=["ethanol", "aspirin"], help="names in rMD17")
    add("--batch", nargs="+", type=int, default=[5, 50], help="frames a step")
    add("--steps", type=int, help=f"timed steps (default: as many as {NUM_FRAMES} frames make)")
    add("--repeats", type=int, default=3, help="trainings of each contestant")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--which", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    add("--json", type=Path, metavar="OUT", help="write every measurement to this file")
    return parser.parse_args(arguments)


def task_of(molecule: str, batch_size: int, options: argparse.Namespace) -> Task:
    """The task that the command line asks for.

    Raises:
        UserError: the molecule's file is not there, or the batch does not fit the frames.
    """
    if not 1 <= batch_size <= NUM_FRAMES:
        raise UserError(f"--batch {batch_size}: 1 to {NUM_FRAMES} frames a step would work.")
    return Task(
        molecule=molecule,
        file=rmd17_file(molecule),
        num_frames=NUM_FRAMES // batch_size * batch_size,
        batch_size=batch_size,
        warm_up_steps=WARM_UP_STEPS,
        timed_steps=options.steps or max(MIN_STEPS, NUM_FRAMES // batch_size),
        device=options.device,
    )


def rmd17_file(molecule: str) -> str:
    """The molecule's npz file below SAIBENCH_DATA_DIR."""
    directory = os.environ.get("SAIBENCH_DATA_DIR")
    if directory is None:
        raise UserError(
            "SAIBENCH_DATA_DIR is not set; the folder that holds rmd17/npz_data would work."
        )
    path = Path(directory) / "rmd17" / "npz_data" / f"rmd17_{molecule}.npz"
    if not path.exists():
        raise UserError(f"--molecules {molecule}: there is no {path}; a molecule held there works.")
    return str(path)


def measure_in_turn(task: Task, names: Sequence[str], repeats: int) -> list[Measurement]:
    measurements = []
    for repeat in range(repeats):
        for name in names:
            measurement = measure(name, CONTESTANTS[name], task, repeat)
            rate = f"{measurement.frames_per_second:.0f} frames/s"
            print(f"  {repeat + 1}/{repeats} {name}: {rate}", file=sys.stderr)
            measurements.append(measurement)
    return measurements


def table(task: Task, names: Sequence[str], measurements: Sequence[Measurement]) -> str:
    """Medians over the repeats, and each contestant's rate over that of every other."""
    runs = {name: [m for m in measurements if m.contestant == name] for name in names}
    headings = ["frames/s", "per CPU s", "to 1st step", "after last"]
    lines = [
        f"{task.molecule}, batch {task.batch_size}, {task.timed_steps} steps, {task.device}",
        _row("", [*headings, *(f"/ {name}" for name in names)]),
    ]
    for name, own in runs.items():
        cells = [
            f"{median(run.frames_per_second for run in own):.0f}",
            f"{median(run.frames_per_cpu_second for run in own):.0f}",
            f"{median(run.seconds_to_first_step for run in own):.1f} s",
            f"{median(run.seconds_after_last_step for run in own):.1f} s",
        ]
        lines.append(_row(name, [*cells, *(_ratio(own, others) for others in runs.values())]))
    return "\n".join(lines)


def _row(title: str, cells: Sequence[str]) -> str:
    return f"{title:12}" + "".join(f"{cell:>15}" for cell in cells)


def _ratio(runs: Sequence[Measurement], others: Sequence[Measurement]) -> str:
    """Median of the ratios within each repeat, by the clock and by processor time."""
    pairs = list(zip(runs, others, strict=True))
    clock = median(run.frames_per_second / other.frames_per_second for run, other in pairs)
    cpu = median(run.frames_per_cpu_second / other.frames_per_cpu_second for run, other in pairs)
    return f"{clock:.2f} ({cpu:.2f})"


if __name__ == "__main__":
    sys.exit(main())
