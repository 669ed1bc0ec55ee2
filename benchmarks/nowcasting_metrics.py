"""Speed of saibench's rain metrics, compared with pysteps, torchmetrics and a copy in memory.

    python -m benchmarks.nowcasting_metrics
    python -m benchmarks.nowcasting_metrics --device cuda --events 32

One event has 20 × 512 × 512 pixels: the first MRMS event in SAIBENCH_DATA_DIR, else synthetic rain,
with its last input frame as the prediction. saibench computes all its metrics: CSI and cumulative
CSI at 16, 32 and 64 mm/h, MAE, active-area MAE of both kinds, displacement, trend and stability;
pysteps computes CSI at the three thresholds and MAE, torchmetrics only CSI. They take turns in one
process; only ratios within one run are reliable. A ratio is given by wall time and, in brackets, by
CPU time, which depends less on other load.

The fraction of the copy bandwidth is the rate at which a contestant reads both inputs, each byte
counted once, over the rate of a copy on this machine: bytes read and written per second.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from benchmarks.measurement import argument_parser
from benchmarks.nowcasting.contestants import (
    Contestant,
    Scores,
    frame_sums,
    pysteps,
    saibench,
    torchmetrics,
)
from benchmarks.nowcasting.persistence import first_radar_event, persistence
from benchmarks.nowcasting.stopwatch import Timing, copy_of, timed_in_turn
from saibench.errors import UserError

COPY = "copy"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    try:
        preds, target, origin = frames(options)
        contestants = contestants_of(options, num_leads=preds.shape[1])
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    check_agreement({each.name: each.scores(preds, target) for each in contestants})
    runs = {each.name: (lambda each=each: each.scores(preds, target)) for each in contestants}
    timings = timed_in_turn({**runs, COPY: copy_of(preds)}, options.rounds, preds.device)
    print(f"{origin}, {tuple(preds.shape)} on {machine(options)}")
    print(table(contestants, timings, input_bytes=preds.nbytes + target.nbytes))
    if options.json:
        found = {name: asdict(timing) for name, timing in timings.items()}
        written = {"origin": origin, "input_bytes": preds.nbytes + target.nbytes, "seconds": found}
        options.json.write_text(json.dumps(written, indent=1))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.nowcasting_metrics", __doc__)
    add = parser.add_argument
    add("--event", default=first_radar_event(), help="name of an MRMS event")
    add("--made", dest="event", action="store_const", const=None, help="synthetic rain")
    add("--events", type=int, default=1, help="copies of the event per batch")
    add("--rounds", type=int, default=15, help="timed runs of each contestant")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--threads", type=int, default=1, help="of PyTorch and saibench on the CPU")
    add("--json", type=Path, metavar="OUT", help="write every time to this file")
    return parser.parse_args(arguments)


def frames(options: argparse.Namespace) -> tuple[Tensor, Tensor, str]:
    if min(options.events, options.rounds, options.threads) < 1:
        raise UserError("--events, --rounds and --threads must be at least 1.")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no GPU. Use --device cpu.")
    preds, target, origin = persistence(options.event)
    preds, target = (value.repeat(options.events, 1, 1, 1) for value in (preds, target))
    return preds.to(options.device), target.to(options.device), origin


def contestants_of(options: argparse.Namespace, num_leads: int) -> list[Contestant]:
    device = torch.device(options.device)
    fused = "numba" if options.device == "cpu" else "compiled"
    chosen = [
        saibench(options.events, num_leads, device, fused),
        frame_sums(fused),
        saibench(options.events, num_leads, device, "plain"),
        torchmetrics(),
    ]
    if options.device == "cpu" and importlib.util.find_spec("pysteps"):
        chosen.insert(3, pysteps())
    return chosen


def check_agreement(scores: Mapping[str, Scores]) -> None:
    """Raise an error unless all contestants have the same scores."""
    (first, expected), *others = scores.items()
    for name, found in others:
        for score, values in found.items():
            # the float32 sums of pysteps and torchmetrics have about four correct digits
            if not np.allclose(values, expected[score], rtol=1e-4, equal_nan=True):
                raise RuntimeError(f"{name} and {first} differ in {score}.")


def machine(options: argparse.Namespace) -> str:
    if options.device == "cuda":
        return torch.cuda.get_device_name()
    return f"the CPU, threads: {options.threads}"


def table(
    contestants: Sequence[Contestant], timings: Mapping[str, Timing], input_bytes: int
) -> str:
    """Milliseconds, fraction of the copy bandwidth, and the time relative to the first."""
    copy_rate = input_bytes / timings[COPY].best  # one input is read, and as many bytes written
    first = timings[contestants[0].name]
    lines = [row("", ["computes", "median ms", "best ms", "of copy rate", "× the first"])]
    for each in contestants:
        timing = timings[each.name]
        cells = [
            each.does,
            f"{1e3 * timing.median:.1f}",
            f"{1e3 * timing.best:.1f}",
            f"{input_bytes / timing.best / copy_rate:.0%}",
            ratio(timing, first),
        ]
        lines.append(row(each.name, cells))
    copied = timings[COPY]
    cells = [f"{copy_rate / 1e9:.1f} GB/s", f"{1e3 * copied.median:.1f}"]
    return "\n".join([*lines, row(COPY, [*cells, f"{1e3 * copied.best:.1f}"])])


def row(title: str, cells: Sequence[str]) -> str:
    return f"{title:20}" + "".join(f"{cell:>15}" for cell in cells)


def ratio(timing: Timing, first: Timing) -> str:
    """Median of the ratios within each round, by wall time and by CPU time."""
    clock = median(np.divide(timing.clock, first.clock))
    processor = median(np.divide(timing.processor, first.processor))
    return f"{clock:.2f} ({processor:.2f})"


if __name__ == "__main__":
    sys.exit(main())
