"""Speed and memory of NowcastNet's predictions, compared with a plain eager loop over lead times.

    python -m benchmarks.nowcasting_inference
    python -m benchmarks.nowcasting_inference --widths 32 --size 512 --device cuda --draws 1 100

Both contestants run the same layers with the same weights, one event after the other, in a fresh
process on one thread, and take turns; only ratios within one run are reliable. A ratio is given by
wall time and, in brackets, by CPU time, which depends less on other load.

    bare      the published code: every draw from the start, a new sampling grid per lead time
    saibench  NowcastNet as in an evaluation; the draws of an event share the results that do not
              depend on the noise

The last lines are the peak memory of saibench for increasing numbers of events; it must not grow.
On a CPU it includes the process with Python and PyTorch (0.2 to 0.5 GB).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.measurement import Usage, argument_parser, run_task, write_json
from benchmarks.nowcasting.inference import CONTESTANTS, InferenceTask


@dataclass(frozen=True)
class Run:
    """A task in a process of its own, and its result."""

    task: InferenceTask
    result: Usage

    @property
    def rate(self) -> float:
        """Predictions per second of wall time."""
        return self.task.events * self.task.draws / self.result.seconds

    @property
    def cpu_rate(self) -> float:
        """Predictions per second of CPU time."""
        return self.task.events * self.task.draws / self.result.cpu_seconds


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.size % 32:
        print(f"--size {options.size}: use a multiple of 32.", file=sys.stderr)
        return 2
    runs: list[Run] = []

    def ran(contestant: str, width: int, events: int, draws: int) -> Run:
        runs.append(run(contestant, width, events, draws, options))
        write_json(options.json, [asdict(one) for one in runs])
        return runs[-1]

    for width in options.widths:
        for draws in options.draws:
            pairs = [
                [ran(name, width, options.events, draws) for name in CONTESTANTS]
                for _ in range(options.repeats)
            ]
            print(rates(pairs), end="\n\n", flush=True)
        growing = [ran("saibench", width, events, 1) for events in options.memory_events]
        print(memory(growing), end="\n\n", flush=True)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.nowcasting_inference", __doc__)
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


def run(contestant: str, width: int, events: int, draws: int, options: argparse.Namespace) -> Run:
    """Predict in a fresh process on one thread."""
    task = InferenceTask(
        contestant=contestant,
        base_channels=width,
        size=options.size,
        events=events,
        draws=draws,
        device=options.device,
    )
    return Run(task, run_task("benchmarks.nowcasting.inference", task))


def rates(pairs: Sequence[Sequence[Run]]) -> str:
    """Medians over the repeats, and each contestant's rate relative to the bare one's."""
    task = pairs[0][0].task
    lines = [
        f"base_channels {task.base_channels}, {task.size}×{task.size}, {task.events} events, "
        f"{task.draws} draws, {task.device}",
        f"{'':12}{'events/s':>12}{'draws/s':>12}{'per CPU s':>12}{'/ bare':>16}{'peak MB':>10}",
    ]
    for place, name in enumerate(CONTESTANTS):
        runs = [pair[place] for pair in pairs]
        rate = median(one.rate for one in runs)
        clock = median(pair[place].rate / pair[0].rate for pair in pairs)
        cpu = median(pair[place].cpu_rate / pair[0].cpu_rate for pair in pairs)
        lines.append(
            f"{name:12}{rate / task.draws:12.3f}{rate:12.3f}"
            f"{median(one.cpu_rate for one in runs):12.3f}{f'{clock:.2f} ({cpu:.2f})':>16}"
            f"{median(one.result.peak_megabytes for one in runs):10.0f}"
        )
    return "\n".join(lines)


def memory(runs: Sequence[Run]) -> str:
    """Peak memory by number of events."""
    peaks = ", ".join(f"{one.result.peak_megabytes:.0f} MB ({one.task.events})" for one in runs)
    return f"base_channels {runs[0].task.base_channels}, peak memory (events): {peaks}"


if __name__ == "__main__":
    sys.exit(main())
