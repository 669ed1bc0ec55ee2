"""Whether reading radar events keeps ahead of the net, and in what memory.

    python -m benchmarks.nowcasting_reading --root /data/mrms
    python -m benchmarks.nowcasting_reading --root /data/mrms --width 32 --device cuda --batch 16

Events are read from their PNG files by the loader that a training uses, with 0, 1 and more worker
processes, and set against the net's forward and backward pass on batches of the same size, which
take less than a training step. A ratio above 1 says that the net never waits for its data. The
processor time is that of the training process itself: what its workers take is not in it, and on a
machine that others keep busy its ratio is the one to trust.

The last line tells the memory that a reading process holds at most while it reads more and more
events, linked from those there are; it must not grow with them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

from benchmarks.measurement import REPOSITORY, ContestantFailed
from benchmarks.nowcasting.reading import ReadingResult, ReadingTask
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
        run(plain)  # makes the index
        print(rates(plain, options), end="\n\n", flush=True)
        print(memory(plain, options, Path(scratch)), flush=True)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nowcasting_reading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--root", type=Path, required=True, help="folder of the events, 00000 and so on, or above")
    add("--events", type=int, default=20, help="read from, linked from those there are")
    add("--batch", type=int, default=4, help="events a batch")
    add("--batches", type=int, default=5, help="timed")
    add("--crop", type=int, default=256, help="pixels of a side; 0 for whole events")
    add("--workers", nargs="+", type=int, default=[0, 1, 2])
    add("--width", type=int, default=8, help="base_channels of the net; 32 is published")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--repeats", type=int, default=3)
    add("--memory-events", nargs="+", type=int, default=[5, 50, 500])
    options = parser.parse_args(arguments)
    if not folders(options.root):
        parser.error(f"--root {options.root}: no event as 00000 is there, nor in figure below it")
    return options


def folders(root: Path) -> list[Path]:
    """Those of the events, in order of their number."""
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


def run(task: ReadingTask) -> ReadingResult:
    """One task in a fresh process on one thread.

    Raises:
        ContestantFailed: the process ended with an error.
    """
    with tempfile.TemporaryDirectory(prefix="reading-") as scratch:
        task_file, result_file = Path(scratch) / "task.json", Path(scratch) / "result.json"
        task_file.write_text(json.dumps(asdict(task)))
        module = "benchmarks.nowcasting.reading"
        ended = subprocess.run(
            [sys.executable, "-m", module, str(task_file), str(result_file)],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise ContestantFailed((ended.stdout + ended.stderr)[-3000:])
        return ReadingResult(**json.loads(result_file.read_text()))


def rates(plain: ReadingTask, options: argparse.Namespace) -> str:
    """Events a second of the net and of the loaders, which take turns."""
    tasks = {f"{count} workers": replace(plain, workers=count) for count in options.workers}
    net = f"net ({options.width} channels)"
    results: dict[str, list[ReadingResult]] = {name: [] for name in (net, *tasks)}
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
    """Peak memory by number of events, each read once, one after the other."""
    told = []
    for count in options.memory_events:
        root = scratch / "memory" / str(count)
        task = replace(
            plain,
            root=str(linked(options.root, count, root)),
            cache=str(root),
            batches=count - 1,
            batch_size=1,
        )
        run(task)  # makes the index
        told.append(f"{run(task).peak_megabytes:.0f} MB ({count})")
    return "peak memory (events): " + ", ".join(told)


if __name__ == "__main__":
    sys.exit(main())
