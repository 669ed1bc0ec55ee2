"""Training speed of NowcastNet in saibench: its evolution network, and its generator.

    python -m benchmarks.nowcasting_training
    python -m benchmarks.nowcasting_training --width 32 --size 64 --batch 16 --device cuda

Each contestant is `train.py` on simulated rain in a fresh process on one thread, with the timed
steps all in one stage of the training. They take turns; only ratios within one run are reliable.

    evolution       the evolution network, single precision
    evolution_bf16  the same in mixed precision, bfloat16
    generator       generator and discriminator, single precision
    generator_bf16  the same in mixed precision, bfloat16
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measurement import (
    Contestant,
    TrainingTask,
    compare,
    comparison_parser,
    trainer_overrides,
)

EVENTS = 100
"""Simulated events: 20 held out, 50 for validation, and 30 for training."""


@dataclass(frozen=True, kw_only=True)
class Task(TrainingTask):
    """A training on rain.

    Args:
        width: `base_channels` of the net; 32 is published.
        size: side of the fields in pixels.
    """

    width: int
    size: int


def command(
    task: Task, folder: Path, times_file: Path, *, generator: bool, precision: str
) -> list[str]:
    """`python train.py …`: one run, including its test and its report."""
    stage = "model.evolution_steps=1" if generator else "model.evolution_only=true"
    return [
        *(sys.executable, "train.py", "workload=nowcasting", "model=nowcastnet"),
        *(f"data.events={EVENTS}", f"data.size={task.size}", "subset.count=null"),
        f"model.net.base_channels={task.width}",
        f"datamodule.batch_size={task.batch_size}",
        "datamodule.evaluation_batch_size=1",
        stage,
        f"trainer.precision={precision}",
        *trainer_overrides(task, folder, times_file),
    ]


CONTESTANTS: dict[str, Contestant] = {
    f"{stage}{ending}": partial(command, generator=stage == "generator", precision=precision)
    for stage in ("evolution", "generator")
    for ending, precision in (("", "32-true"), ("_bf16", "bf16-mixed"))
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.size % 32 or min(options.size, options.warm_up, options.steps) < 1:
        print("--size must be a multiple of 32, --warm-up and --steps at least 1.", file=sys.stderr)
        return 2
    task = Task(
        batch_size=options.batch,
        warm_up_steps=options.warm_up,
        timed_steps=options.steps,
        device=options.device,
        only_steps=options.only_steps,
        width=options.width,
        size=options.size,
    )
    title = (
        f"NowcastNet, base_channels {task.width}, {task.size}×{task.size}, "
        f"batch {task.batch_size}, {task.timed_steps} steps, {task.device}"
    )
    return compare(options, CONTESTANTS, task, "events", title)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = comparison_parser("benchmarks.nowcasting_training", __doc__, CONTESTANTS, repeats=1)
    add = parser.add_argument
    add("--width", type=int, default=8, help="base_channels; 32 is published")
    add("--size", type=int, default=64, help="pixels of a field's side")
    add("--batch", type=int, default=4, help="events per step")
    add("--steps", type=int, default=10, help="timed steps")
    add("--warm-up", type=int, default=3, help="steps before the timed steps")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
