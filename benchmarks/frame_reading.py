"""Speed of reading extended XYZ files, compared with ASE.

    python -m benchmarks.frame_reading
    python -m benchmarks.frame_reading --copies 40 --repeats 5
    python -m benchmarks.frame_reading --cells

The frames of acetylacetone in SAIBENCH_DATA_DIR, or periodic cells of 32 atoms of copper with
stress, are repeated to a file. The readers take turns in
one process on one thread; CPU seconds, the median of the repeats. Only ratios within one run are
reliable.

    ase        list(ase.io.iread(path)) alone: no checks, no arrays
    saibench   AseFrames.load: labelled, checked for NaN, centred, written to a new cache
    cached     AseFrames.load with an existing cache, and a sum over all positions and forces
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import ase.io
import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from benchmarks.measurement import argument_parser
from saibench.datamodules.force_field.ase_files import AseFrames

FILE = "acac/train_300K.xyz"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="saibench-") as name:
        folder = Path(name)
        path = folder / "frames.xyz"
        excerpt = Path(os.environ.get("SAIBENCH_DATA_DIR") or ".") / FILE
        if options.cells:
            excerpt = write_cells(folder / "cells.xyz")
        elif not excerpt.is_file():
            print(f"{excerpt} is missing. Set SAIBENCH_DATA_DIR, or use --cells.", file=sys.stderr)
            return 2
        path.write_text(options.copies * excerpt.read_text())
        print(f"{'reader':10}{'seconds':>10}{'frames/s':>12}{'ASE = 1':>10}")
        seconds = measured(path, folder, options.repeats)
        frames = len(read(path, folder / "cache0"))
        for reader, used in seconds.items():
            ratio = seconds["ase"] / used
            print(f"{reader:10}{used:10.3f}{frames / used:12,.0f}{ratio:10.1f}")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.frame_reading", __doc__)
    parser.add_argument("--cells", action="store_true", help="periodic cells with stress")
    parser.add_argument("--copies", type=int, default=10, help="repetitions of 500 frames")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each reader")
    return parser.parse_args(arguments)


def write_cells(path: Path, count: int = 500) -> Path:
    """Frames of displaced copper atoms, with random labels."""
    random = np.random.default_rng(0)
    images = []
    for _ in range(count):
        atoms = bulk("Cu", cubic=True) * 2
        atoms.positions += 0.1 * random.normal(size=atoms.positions.shape)
        labels = {"forces": random.normal(size=(len(atoms), 3)), "stress": random.normal(size=6)}
        atoms.calc = SinglePointCalculator(atoms, energy=random.normal(), **labels)
        images.append(atoms)
    ase.io.write(path, images, format="extxyz")
    return path


def measured(path: Path, folder: Path, repeats: int) -> dict[str, float]:
    """CPU seconds of each reader."""
    runs: dict[str, list[float]] = {"ase": [], "saibench": [], "cached": []}
    for repeat in range(repeats):
        cache = folder / f"cache{repeat}"
        runs["ase"].append(timed(lambda: list(ase.io.iread(path, ":", format="extxyz"))))
        for reader in ("saibench", "cached"):
            runs[reader].append(timed(lambda cache=cache: read(path, cache)))  # type: ignore[misc]
    return {reader: median(own) for reader, own in runs.items()}


def read(path: Path, cache: Path) -> list[float]:
    """Sums of the positions and forces of each frame."""
    trajectory = AseFrames((str(path),)).load(cache)
    return list((trajectory.positions + trajectory.forces).sum(axis=(1, 2)))


def timed(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
