"""Training speed of saibench for a tagger, compared with a bare PyTorch loop and weaver.

    python -m benchmarks.jet_training
    python -m benchmarks.jet_training --size published --batch 32 --steps 20 --repeats 1

Every contestant trains the same Particle Transformer on the same jets of TopLandscape, in a fresh
process on one thread, with each batch trimmed to its longest jet. They take turns, so that other
load on the machine affects all of them; only ratios within one run are reliable. A ratio is given
by wall time and, in brackets, by CPU time, which depends less on other load. A contestant that
fails, or takes longer than --limit, is a line with the cause; the exit code is then 1.

    bare               a PyTorch loop on features in memory: the limit
    saibench           train.py, with the cache of an earlier run
    saibench_cold      train.py with an empty cache: the HDF5 files are read first
    saibench_bucketed  train.py with batches of jets of similar length, which are trimmed further
    saibench_compiled  the same with the net compiled by torch.compile
    weaver             weaver from Parquet files, which are written beforehand
    weaver_memory      weaver --in-memory
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.jets.bare_loop import bare_loop_command
from benchmarks.jets.saibench_train import (
    saibench_bucketed_command,
    saibench_command,
    saibench_compiled_command,
)
from benchmarks.jets.task import SIZES, Task
from benchmarks.jets.weaver_train import weaver_command, weaver_in_memory_command
from benchmarks.measurement import Contestant, compare, comparison_parser
from saibench.datamodules.files import data_roots, find_file
from saibench.errors import UserError

CONTESTANTS: dict[str, Contestant] = {
    "bare": bare_loop_command,
    "saibench": saibench_command,
    "saibench_cold": saibench_command,
    "saibench_bucketed": saibench_bucketed_command,
    "saibench_compiled": saibench_compiled_command,
    "weaver": weaver_command,
    "weaver_memory": weaver_in_memory_command,
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    try:
        task = task_of(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    title = (
        f"Particle Transformer ({task.size}), batch {task.batch_size}, "
        f"{'bfloat16' if task.mixed else 'float32'}, {task.timed_steps} steps, {task.device}"
    )
    return compare(options, CONTESTANTS, task, "jets", title)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = comparison_parser("benchmarks.jet_training", __doc__, CONTESTANTS, repeats=2)
    add = parser.add_argument
    add("--size", choices=list(SIZES), default="small", help="of the Particle Transformer")
    add("--batch", type=int, default=32, help="jets per step")
    add("--steps", type=int, default=30, help="timed steps")
    add("--warm-up", type=int, default=5, help="steps before the timed steps")
    add("--mixed", action="store_true", help="bfloat16; weaver supports it on a GPU only")
    return parser.parse_args(arguments)


def task_of(options: argparse.Namespace) -> Task:
    """The task of the command line.

    Raises:
        UserError: TopLandscape is not there, or an option is less than 1.
    """
    if min(options.batch, options.steps, options.warm_up, options.repeats) < 1:
        raise UserError("--batch, --steps, --warm-up and --repeats must be at least 1.")
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
        only_steps=options.only_steps,
        mixed=options.mixed,
    )


if __name__ == "__main__":
    sys.exit(main())
