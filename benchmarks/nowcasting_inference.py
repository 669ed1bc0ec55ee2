"""How fast NowcastNet predicts, beside a plain eager loop over lead times, and in what memory.

    python -m benchmarks.nowcasting_inference
    python -m benchmarks.nowcasting_inference --widths 32 --size 512 --device cuda --draws 1 100

Both contestants run the same layers with the same weights, one event after the other, in a fresh
process on one thread, and take turns; only ratios within one run are to be trusted. A ratio is
given by the clock and, in brackets, by processor time, which suffers less from neighbours.

    bare      the published arithmetic, written out: every draw from the start, a sampling grid
              made for every lead time
    saibench  NowcastNet as an evaluation runs it; several draws of an event share what the noise
              does not change

The last lines tell the memory that saibench holds at most while it predicts more and more events;
it must not grow with them. On a CPU that is all of the process, Python and PyTorch (0.2 to 0.5 GB)
included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.measurement import REPOSITORY, ContestantFailed
from benchmarks.nowcasting.inference import CONTESTANTS, InferenceResult, InferenceTask


@dataclass(frozen=True)
class Run:
    """One process: what it was asked for and what it took."""

    task: InferenceTask
    result: InferenceResult

    @property
    def rate(self) -> float:
        """Predictions a second, by the clock."""
        return self.task.events * self.task.draws / self.result.seconds

    @property
    def cpu_rate(self) -> float:
        """Predictions a second of processor time."""
        return self.task.events * self.task.draws / self.result.cpu_seconds


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.size % 32:
        print(f"--size {options.size}: a multiple of 32 would work.", file=sys.stderr)
        return 2
    runs: list[Run] = []
    for width in options.widths:
        for draws in options.draws:
            pairs = [
                [run(task(name, width, options.events, draws, options)) for name in CONTESTANTS]
                for _ in range(options.repeats)
            ]
            print(rates(pairs), end="\n\n", flush=True)
            runs += [one for pair in pairs for one in pair]
        growing = [
            run(task("saibench", width, events, 1, options)) for events in options.memory_events
        ]
        print(memory(growing), end="\n\n", flush=True)
        runs += growing
        if options.json:
            options.json.write_text(json.dumps([asdict(one) for one in runs], indent=1))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nowcasting_inference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--widths", nargs="+", type=int, default=[8, 32], help="base_channels; 32 is published")
    add("--size", type=int, default=128, help="pixels of a field's side")
    add("--events", type=int, default=4, help="timed events")
    add("--draws", nargs="+", type=int, default=[1, 10], help="predictions of an event")
    add("--repeats", type=int, default=3, help="runs of each contestant")
    add("--memory-events", nargs="+", type=int, default=[1, 4, 16])
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--json", type=Path, metavar="OUT", help="write every run to this file")
    return parser.parse_args(arguments)


def task(
    contestant: str, width: int, events: int, draws: int, options: argparse.Namespace
) -> InferenceTask:
    return InferenceTask(
        contestant=contestant,
        base_channels=width,
        size=options.size,
        events=events,
        draws=draws,
        device=options.device,
    )


def run(task: InferenceTask) -> Run:
    """Predict in a fresh process on one thread.

    Raises:
        ContestantFailed: the process ended with an error.
    """
    with tempfile.TemporaryDirectory(prefix="nowcasting-") as scratch:
        task_file, result_file = Path(scratch) / "task.json", Path(scratch) / "result.json"
        task_file.write_text(json.dumps(asdict(task)))
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "benchmarks.nowcasting.inference",
                str(task_file),
                str(result_file),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            output = (ended.stdout + ended.stderr)[-3000:]
            raise ContestantFailed(f"{task.contestant} ended with {ended.returncode}:\n{output}")
        return Run(task, InferenceResult(**json.loads(result_file.read_text())))


def rates(pairs: Sequence[Sequence[Run]]) -> str:
    """Medians over the repeats, and each contestant's rate over the bare one's."""
    shown = pairs[0][0].task
    lines = [
        f"base_channels {shown.base_channels}, {shown.size}×{shown.size}, {shown.events} events, "
        f"{shown.draws} draws, {shown.device}",
        f"{'':12}{'events/s':>12}{'draws/s':>12}{'per CPU s':>12}{'/ bare':>16}{'peak MB':>10}",
    ]
    for place, name in enumerate(CONTESTANTS):
        runs = [pair[place] for pair in pairs]
        rate = median(one.rate for one in runs)
        clock = median(pair[place].rate / pair[0].rate for pair in pairs)
        cpu = median(pair[place].cpu_rate / pair[0].cpu_rate for pair in pairs)
        lines.append(
            f"{name:12}{rate / shown.draws:12.3f}{rate:12.3f}"
            f"{median(one.cpu_rate for one in runs):12.3f}{f'{clock:.2f} ({cpu:.2f})':>16}"
            f"{median(one.result.peak_megabytes for one in runs):10.0f}"
        )
    return "\n".join(lines)


def memory(runs: Sequence[Run]) -> str:
    """Peak memory by number of events."""
    shown = runs[0].task
    told = ", ".join(f"{one.result.peak_megabytes:.0f} MB ({one.task.events})" for one in runs)
    return f"base_channels {shown.base_channels}, peak memory (events): {told}"


if __name__ == "__main__":
    sys.exit(main())
