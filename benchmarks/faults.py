"""Faults of machines, processes and files: does saibench give an equal result, or one sentence?

    python -m benchmarks.faults
    python -m benchmarks.faults kills --kills 200 --seed 1
    python -m benchmarks.faults files --damages 1000 --kinds extxyz "table CSV"

A line of the table is a fault:

    equal      the same command, given again, leaves what an undisturbed one leaves: checkpoints,
               evidence, tables and page, bit for bit but for times; a damaged file reads as before
    refused    one sentence, exit code 1 or 2
    unchecked  other values from a damaged file of a format without checksums
    silent     other results without an error
    traceback  of Python
    hang       no end within --seconds
    died       the process that read a damaged file ended

The exit code is 1 if there is any of the last four. Full disks and read-only folders are mounts in
a name space of this process (Linux, root or user name spaces). Only kinds of jets in HDF5 need
SAIBENCH_DATA_DIR.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a fork has no threads but its own

from benchmarks.fault_parts.cases import FAULTS, HEADING, Case, examples, row
from benchmarks.fault_parts.damage import damaged_files
from benchmarks.fault_parts.disk import full_disks, read_only, small_disk, with_mounts
from benchmarks.fault_parts.kills import kills
from benchmarks.fault_parts.kinds import KINDS
from benchmarks.fault_parts.study import Laboratory
from benchmarks.fault_parts.together import together

Part = Callable[[argparse.Namespace, Path], Iterator[Case]]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    parts = options.parts or list(PARTS)
    if not set(parts).isdisjoint(MOUNTING):
        with_mounts("benchmarks.faults", sys.argv[1:] if arguments is None else arguments)
    print(HEADING, flush=True)
    all_cases: list[Case] = []
    for name in parts:
        with tempfile.TemporaryDirectory(prefix="saibench-", dir=options.scratch) as scratch:
            cases = PARTS[name](options, Path(scratch))
            if name == "files":  # one kind after another
                for _, own in groupby(cases, key=lambda case: case.fault):
                    all_cases += report(own)
            else:
                all_cases += report(cases)
    return int(any(case.outcome in FAULTS for case in all_cases))


def report(cases: Iterator[Case]) -> list[Case]:
    """Print a row of each fault, and examples of what is wrong."""
    found: dict[str, list[Case]] = {}
    seconds: dict[str, float] = {}
    began = time.monotonic()
    for case in cases:
        found.setdefault(case.fault, []).append(case)
        seconds[case.fault] = seconds.get(case.fault, 0) + time.monotonic() - began
        began = time.monotonic()
        print(case, file=sys.stderr, flush=True)
    for fault, own in found.items():
        print(row(fault, [case.outcome for case in own], seconds[fault]), flush=True)
        for example in examples(own):
            print(f"    {example}", flush=True)
    return [case for own in found.values() for case in own]


def _kills(options: argparse.Namespace, scratch: Path) -> Iterator[Case]:
    return kills(Laboratory(scratch, options.seconds), options.kills, options.seed)


def _together(options: argparse.Namespace, scratch: Path) -> Iterator[Case]:
    return together(Laboratory(scratch, options.seconds), options.pairs, options.seed)


def _full_disk(options: argparse.Namespace, scratch: Path) -> Iterator[Case]:
    with small_disk(scratch / "disk") as disk:
        laboratory = Laboratory(scratch, options.seconds, disk)
        yield from full_disks(laboratory, options.full_disks, options.seed)


def _read_only(options: argparse.Namespace, scratch: Path) -> Iterator[Case]:
    return read_only(Laboratory(scratch, options.seconds))


def _files(options: argparse.Namespace, scratch: Path) -> Iterator[Case]:
    names = options.kinds or list(KINDS)
    return damaged_files(scratch, names, options.damages, options.seed, options.seconds)


PARTS: dict[str, Part] = {
    "kills": _kills,
    "together": _together,
    "full_disk": _full_disk,
    "read_only": _read_only,
    "files": _files,
}
MOUNTING = ("full_disk", "read_only")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = f"{', '.join(PARTS)}; by default all"
    parser.add_argument("parts", nargs="*", metavar="PART", help=names)
    parser.add_argument("--kills", type=int, default=50, help="signals sent")
    parser.add_argument("--pairs", type=int, default=8, help="two commands at once")
    parser.add_argument("--full-disks", type=int, default=40, help="moments of a full disk")
    parser.add_argument("--damages", type=int, default=100, help="damaged copies of each file")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), help="of files; by default all")
    parser.add_argument("--seconds", type=float, default=600, help="after which a command hangs")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments and places")
    parser.add_argument("--scratch", type=Path, help="folder for temporary folders")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    reads_files = "files" in (options.parts or PARTS)
    needing = [name for name in options.kinds or KINDS if name.startswith("jets HDF5")]
    if reads_files and needing and "SAIBENCH_DATA_DIR" not in os.environ:
        parser.error(
            f"{needing[0]}: SAIBENCH_DATA_DIR is not set. Set it to the folder of "
            "top_landscape/test.h5, or name other --kinds."
        )
    return options


if __name__ == "__main__":
    sys.exit(main())
