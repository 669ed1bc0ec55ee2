"""Speed and memory of reading files of jets and rain, compared with the format's library alone.

    python -m benchmarks.file_formats
    python -m benchmarks.file_formats --formats odim --samples 2000 --repeats 3

Random files of each format are written, then read in a fresh process on one thread, in turn. Only
ratios within one run are reliable; those of the CPU time of the reading process, in brackets, more
than those of the wall time. GRIB is decoded in a further process. A sample is a jet of 50
constituents, or a frame of 512 x 512 pixels.

    library    uproot, pyarrow, h5py, xarray or ecCodes: all numbers of the samples as arrays
    saibench   `load` of the source: checked, in GeV or mm/h, saved in a new cache, with features
    cached     `load` with the cache of the run before
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.files.formats import FORMATS
from benchmarks.measurement import argument_parser
from benchmarks.readers import in_turn

READERS = ("library", "saibench", "cached")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.write is not None:
        FORMATS[options.formats[0]].write(options.folder, options.write)
        return 0
    if options.reader is not None:
        print(json.dumps(measured(options.formats[0], options.reader, options.folder)))
        return 0
    heading = ["format", "samples", "reader", "seconds", "samples/s", "/ library", "peak MB"]
    print(_row(heading))
    for name in options.formats:
        with tempfile.TemporaryDirectory(prefix="saibench-", dir=options.scratch) as scratch:
            folder = Path(scratch)
            samples = options.samples or FORMATS[name].samples
            write = ["--write", str(samples), "--folder", scratch]
            subprocess.run([*command(name), *write], check=True)
            runs = in_turn(command(name), READERS, folder, options.repeats)
        for reader, own in runs.items():
            seconds = median(run["seconds"] for run in own)
            ratios = [_ratio(kind, own, runs["library"]) for kind in ("seconds", "cpu_seconds")]
            peak = max(run["peak_mb"] for run in own)
            rate = f"{samples / seconds:,.0f}"
            cells = [name, f"{samples:,}", reader, f"{seconds:.2f}", rate]
            relative = "{:.2f} ({:.2f})".format(*ratios)
            print(_row([*cells, relative, f"{peak:.0f}"]), flush=True)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.file_formats", __doc__)
    add = parser.add_argument
    add("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    add("--samples", type=int, help="jets or frames (default: those of the format)")
    add("--repeats", type=int, default=3, help="runs of each reader")
    add("--scratch", type=Path, help="folder of the files (default: the system's)")
    add("--reader", choices=READERS, help=argparse.SUPPRESS)
    add("--write", type=int, help=argparse.SUPPRESS)
    add("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def command(name: str) -> list[str]:
    """This program, for one format, in a process of its own."""
    return [sys.executable, "-m", "benchmarks.file_formats", "--formats", name]


def measured(name: str, reader: str, folder: Path) -> dict[str, float]:
    """Wall and CPU seconds of one reader, without its imports, and peak memory in 10^6 bytes."""
    of_format = FORMATS[name]
    read = of_format.library() if reader == "library" else of_format.saibench()
    began, began_cpu = time.perf_counter(), time.process_time()
    read(folder)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """Of this process alone; `getrusage` includes that of the process that started it."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    return int(line.split()[1]) * 1024 / 1e6


def _ratio(
    kind: str, own: Sequence[dict[str, float]], library: Sequence[dict[str, float]]
) -> float:
    return median(alone[kind] / run[kind] for run, alone in zip(own, library, strict=True))


def _row(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>14}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
