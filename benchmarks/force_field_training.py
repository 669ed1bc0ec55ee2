"""Training speed of saibench for a force field, compared with a bare PyTorch loop and nequip-train.

    python -m benchmarks.force_field_training
    python -m benchmarks.force_field_training --molecules ethanol --batch 5 --which bare saibench

Every contestant trains the same NequIP on the same frames, in a fresh process on one thread. They
take turns, so that other load on the machine affects all of them; only ratios within one run are
reliable. A ratio is given by wall time and, in brackets, by CPU time, which depends less on other
load. A contestant that fails, or takes longer than --limit, is a line with the cause; the exit code
is then 1.

    bare          a PyTorch loop on tensors in memory: the limit
    saibench      train.py
    nequip_rmd17  nequip-train with its own rMD17 data module
    nequip_lmdb   nequip-train with LMDB, its fastest data set (nequip 0.19 requires lmdb < 3)
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison import Comparison
from benchmarks.force_field.bare_loop import bare_loop_command
from benchmarks.force_field.nequip_train import lmdb_command, rmd17_module_command
from benchmarks.force_field.saibench_train import saibench_command
from benchmarks.force_field.task import DTYPES, Task
from benchmarks.measurement import Contestant, comparison_parser, measure_in_turn, write_json
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
    written: list[dict[str, Any]] = []
    failed = False
    for task in tasks:
        chosen = {name: CONTESTANTS[name] for name in options.which}

        def save(found: Comparison, task: Task = task, before: list[Any] = written) -> None:
            write_json(options.json, [*before, *of_task(task, found)])

        found = measure_in_turn(chosen, task, options.repeats, "frames", options.limit, save)
        print(found.to_text(title_of(task)), end="\n\n", flush=True)
        written += of_task(task, found)
        failed |= bool(found.failures)
    return int(failed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = comparison_parser("benchmarks.force_field_training", __doc__, CONTESTANTS, repeats=3)
    add = parser.add_argument
    add("--molecules", nargs="+", default=["ethanol", "aspirin"], help="names in rMD17")
    add("--batch", nargs="+", type=int, default=[5, 50], help="frames per step")
    add("--steps", type=int, help=f"timed steps (default: one pass over {NUM_FRAMES} frames)")
    add("--dtype", choices=DTYPES, default="float32", help="bfloat16 is mixed with float32")
    add("--compiled", action="store_true", help="nets compiled by nequip through torch.compile")
    return parser.parse_args(arguments)


def task_of(molecule: str, batch_size: int, options: argparse.Namespace) -> Task:
    """The task of the command line.

    Raises:
        UserError: the molecule's file does not exist, or the batch is larger than the data.
    """
    if not 1 <= batch_size <= NUM_FRAMES:
        raise UserError(f"--batch {batch_size}. Use 1 to {NUM_FRAMES} frames per step.")
    return Task(
        molecule=molecule,
        file=rmd17_file(molecule),
        num_frames=NUM_FRAMES // batch_size * batch_size,
        batch_size=batch_size,
        warm_up_steps=WARM_UP_STEPS,
        timed_steps=options.steps or max(MIN_STEPS, NUM_FRAMES // batch_size),
        device=options.device,
        only_steps=options.only_steps,
        dtype=options.dtype,
        compiled=options.compiled,
    )


def of_task(task: Task, found: Comparison) -> list[dict[str, Any]]:
    of = {"molecule": task.molecule, "batch_size": task.batch_size}
    return [of | one for one in found.to_json()]


def title_of(task: Task) -> str:
    kind = f"{task.dtype}, compiled" if task.compiled else task.dtype
    steps = f"{task.timed_steps} steps, {task.device}"
    return f"{task.molecule}, batch {task.batch_size}, {kind}, {steps}"


def rmd17_file(molecule: str) -> str:
    """The molecule's npz file in SAIBENCH_DATA_DIR."""
    directory = os.environ.get("SAIBENCH_DATA_DIR")
    if directory is None:
        raise UserError("SAIBENCH_DATA_DIR is not set. Set it to the folder of rmd17/npz_data.")
    path = Path(directory) / "rmd17" / "npz_data" / f"rmd17_{molecule}.npz"
    if not path.exists():
        known = sorted(file.stem.removeprefix("rmd17_") for file in path.parent.glob("rmd17_*.npz"))
        raise UserError(f"--molecules {molecule}: no file {path}. Available: {', '.join(known)}.")
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
