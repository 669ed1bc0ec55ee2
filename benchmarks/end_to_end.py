"""Every workload trained, tested and reported on a device, and tested again on the CPU.

    python -m benchmarks.end_to_end
    python -m benchmarks.end_to_end --device cuda --steps 200 --jobs 4

A workload is one `train.py` and one `evaluate.py trainer.accelerator=cpu` of the same weights on
the same samples, each in a fresh process on one thread; with --jobs, workloads run at once and take
longer each. Metrics agree where they differ by at most
1e-4 of the larger; the metric that differs most is named. The exit code is 1 if a workload fails
or a metric does not agree.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measurement import ContestantFailed, argument_parser, run_process, write_json

TOLERANCE = 1e-4
"""Largest difference of two metrics that agree, as a fraction of the larger."""
ON_CPU = "tested_on_cpu"
"""The partition with the samples of the held-out one, which only the CPU tests."""


@dataclass(frozen=True)
class Workload:
    """Settings of a run.

    Args:
        held_out: name of its test partition.
        settings: overrides of `train.py`.
    """

    held_out: str
    settings: tuple[str, ...]


WORKLOADS = {
    "force_field": Workload("last_tenth", ("data=rmd17", "data.molecule=ethanol")),
    "jet_tagging": Workload("held_out", ("data=top_landscape", "subset.count=null")),
    "nowcasting": Workload("held_out", ("data.events=80", "subset.count=null")),
    "field_dynamics": Workload("held_out", ("data.trajectories=40",)),
}


@dataclass(frozen=True)
class Result:
    """One workload.

    Args:
        train_seconds: of `train.py`, from its start to its end.
        evaluate_seconds: of `evaluate.py` on the CPU.
        compared: number of metrics with a value on both.
        disagreeing: number of those that differ by more than `TOLERANCE`.
        largest: the largest difference, as a fraction.
        metric: its metric.
    """

    workload: str
    train_seconds: float
    evaluate_seconds: float
    compared: int
    disagreeing: int
    largest: float
    metric: str


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    written: list[dict[str, Any]] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(measured, name, options): name for name in options.workloads}
        for each in as_completed(running):
            name = running[each]
            try:
                found = each.result()
            except ContestantFailed as error:
                print(error, file=sys.stderr)
                written.append({"workload": name, "failed": error.cause})
                print(f"{name:16}failed: {error.cause}", flush=True)
            else:
                written.append(asdict(found))
                print(line(found), flush=True)
            write_json(options.json, written)
    return int(any("failed" in one or one["disagreeing"] for one in written))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.end_to_end", __doc__)
    add = parser.add_argument
    add("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    add("--steps", type=int, default=20, help="of the training")
    add("--jobs", type=int, default=1, help="workloads at once")
    add("--device", choices=["cpu", "cuda"], default="cpu", help="of the training and its test")
    add("--limit", type=float, metavar="SECONDS", help="of one command; none by default")
    add("--json", type=Path, metavar="OUT", help="write every result to this file")
    return parser.parse_args(arguments)


def measured(name: str, options: argparse.Namespace) -> Result:
    """Train, test and report one workload, and test it on the CPU.

    Raises:
        ContestantFailed: a command ended with an error or took too long.
    """
    workload = WORKLOADS[name]
    quiet = ("logger=none", "trainer.progress=false")
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as scratch:
        study = Path(scratch) / "study"
        train = [
            *(sys.executable, "train.py", f"workload={name}", *workload.settings, *quiet),
            f"test=[{workload.held_out}]",
            f"+partitions.{ON_CPU}=${{partitions.{workload.held_out}}}",
            *(f"trainer.max_steps={options.steps}", f"trainer.val_every={options.steps}"),
            f"trainer.accelerator={'gpu' if options.device == 'cuda' else 'cpu'}",
            f"hydra.run.dir={study}",
        ]
        train_seconds = seconds_of(name, train, options.limit)
        metrics_file = next(study.glob("*/metrics.json"))
        evaluate = [
            *(sys.executable, "evaluate.py", f"run={metrics_file.parent}", *quiet),
            *(f"test=[{ON_CPU}]", "trainer.accelerator=cpu", "report=false"),
        ]
        evaluate_seconds = seconds_of(name, evaluate, options.limit)
        metrics = json.loads(metrics_file.read_text())
    by_name = differences(metrics[workload.held_out], metrics[ON_CPU])
    worst = max(by_name, key=by_name.__getitem__)
    return Result(
        workload=name,
        train_seconds=train_seconds,
        evaluate_seconds=evaluate_seconds,
        compared=len(by_name),
        disagreeing=sum(not one <= TOLERANCE for one in by_name.values()),
        largest=by_name[worst],
        metric=worst,
    )


def seconds_of(name: str, command: Sequence[str], limit: float | None) -> float:
    began = time.perf_counter()
    run_process(name, command, limit)
    return time.perf_counter() - began


def differences(
    first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """Relative difference of each metric, 1 where only one has a value."""
    found = {}
    for name in first.keys() | second.keys():
        one, other = (metrics.get(name, {}).get("value") for metrics in (first, second))
        if one is None and other is None:
            continue
        if one is None or other is None:
            found[name] = 1.0
        else:
            found[name] = abs(one - other) / (max(abs(one), abs(other)) or 1.0)
    return found


def line(one: Result) -> str:
    seconds = (
        f"train, test, report {one.train_seconds:.1f} s, on the CPU {one.evaluate_seconds:.1f} s"
    )
    agree = f"{one.compared - one.disagreeing} of {one.compared} metrics agree within {TOLERANCE:g}"
    return f"{one.workload:16}{seconds}; {agree}, at most {one.largest:.1e} ({one.metric})"


if __name__ == "__main__":
    sys.exit(main())
