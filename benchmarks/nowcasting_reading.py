"""Speed of reading radar events, compared with the net, and its memory.

    python -m benchmarks.nowcasting_reading --root /data/mrms
    python -m benchmarks.nowcasting_reading --root /data/mrms --width 32 --device cuda --batch 16

The loader of a training reads events from their PNG files with 0, 1 and more worker processes. Its
rate is compared with the net's forward and backward pass on batches of the same size, which take
less time than a training step. A ratio above 1 means that the net never waits for data. CPU time is
that of the training process without its workers; on a busy machine its ratio is more reliable.

The last line is the peak memory of the process for increasing numbers of events (links to the
existing ones); it must not grow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.measurement import Usage, argument_parser, run_task
from benchmarks.nowcasting.reading import ReadingTask
from saibench.datamodules.nowcasting.event import FRAMES


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="reading-") as scratch:
        plain = ReadingTask(
            root=str(linked(options.root, options.events, Path(scratch))),
            cache=scratch,
            batches=options.batches,
            batch_size=options.batch,
            crop=options.crop or None,
            workers=0,
            base_channels=None,
            device=options.device,
        )
        run(plain)  # builds the index
        print(rates(plain, options), end="\n\n", flush=True)
        print(memory(plain, options, Path(scratch)), flush=True)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.nowcasting_reading", __doc__)
    add = parser.add_argument
    add("--root", type=Path, required=True, help="folder of the events (00000, …) or its parent")
    add("--events", type=int, default=20, help="number of events, links to the existing ones")
    add("--batch", type=int, default=4, help="events per batch")
    add("--batches", type=int, default=5, help="timed batches")
    add("--crop", type=int, default=256, help="side in pixels; 0 for whole events")
    add("--workers", nargs="+", type=int, default=[0, 1, 2])
    add("--width", type=int, default=8, help="base_channels of the net; 32 is published")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--repeats", type=int, default=3)
    add("--memory-events", nargs="+", type=int, default=[5, 50, 500])
    options = parser.parse_args(arguments)
    if not folders(options.root):
        parser.error(f"--root {options.root}: no event such as 00000 in it or in its figure/")
    return options


def folders(root: Path) -> list[Path]:
    """The folders of the events, in order of their number."""
    for place in (root, root / "figure"):
        inside = place.iterdir() if place.is_dir() else ()
        if found := sorted(path for path in inside if path.is_dir() and path.name.isdigit()):
            return found
    return []


def linked(root: Path, count: int, folder: Path) -> Path:
    """A tree of `count` events whose frames are links to those of `root`."""
    events = folders(root)
    tree = folder / f"events-{count}"
    for number in range(count):
        event = events[number % len(events)].absolute()
        (tree / f"{number:05d}").mkdir(parents=True)
        for frame in range(FRAMES):
            link = tree / f"{number:05d}" / f"{number:05d}-{frame:02d}.png"
            link.symlink_to(event / f"{event.name}-{frame:02d}.png")
    return tree


def run(task: ReadingTask) -> Usage:
    """Run a task in a fresh process on one thread."""
    return run_task("benchmarks.nowcasting.reading", task)


def rates(plain: ReadingTask, options: argparse.Namespace) -> str:
    """Events per second of the net and of the loaders, which take turns."""
    tasks = {f"{count} workers": replace(plain, workers=count) for count in options.workers}
    net = f"net ({options.width} channels)"
    results: dict[str, list[Usage]] = {name: [] for name in (net, *tasks)}
    for _ in range(options.repeats):
        for name, task in {net: replace(plain, base_channels=options.width), **tasks}.items():
            results[name].append(run(task))
    events = plain.batches * plain.batch_size
    lines = [
        f"batches of {plain.batch_size} events, side {plain.crop or 'whole'}, {plain.device}",
        f"{'':20}{'events/s':>12}{'/ net':>10}{'per CPU s':>12}{'/ net':>10}",
    ]
    for name in results:
        line = f"{name:20}"
        for kind in ("seconds", "cpu_seconds"):
            own, of_net = ([getattr(one, kind) for one in results[who]] for who in (name, net))
            ratio = median(n / s for n, s in zip(of_net, own, strict=True))
            line += f"{events / median(own):12.2f}{ratio:10.2f}"
        lines.append(line)
    return "\n".join(lines)


def memory(plain: ReadingTask, options: argparse.Namespace, scratch: Path) -> str:
    """Peak memory by number of events, each read once."""
    peaks = []
    for count in options.memory_events:
        root = scratch / "memory" / str(count)
        task = replace(
            plain,
            root=str(linked(options.root, count, root)),
            cache=str(root),
            batches=count - 1,
            batch_size=1,
        )
        run(task)  # builds the index
        peaks.append(f"{run(task).peak_megabytes:.0f} MB ({count})")
    return "peak memory (events): " + ", ".join(peaks)


if __name__ == "__main__":
    sys.exit(main())
