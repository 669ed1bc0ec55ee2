"""Speed and memory of reading TopLandscape's files, compared with pandas.

    python -m benchmarks.jet_reading
    python -m benchmarks.jet_reading --copies 10 100 --repeats 3

The rows of the excerpt in SAIBENCH_DATA_DIR are repeated to files of several sizes, in the layout,
chunks and compression of the excerpt. Each reader runs in a fresh process on one thread, in turn;
only ratios within one run are reliable. MB are those of the table's rows, 3,232 bytes per jet.

    pandas     pandas.read_hdf(path, key="table"), the whole table at once
    chunks     pandas.read_hdf(..., chunksize=2048), one chunk at a time
    saibench   TopLandscape.load: checked, sorted and indexed in a cache on disk
    cached     TopLandscape.load with an existing cache, and one pass over its jets in batches
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.measurement import argument_parser
from benchmarks.readers import in_turn

COMMAND = (sys.executable, "-m", "benchmarks.jet_reading")
"""This program, in a process of its own."""

BYTES_A_JET = 3232
BATCH = 512
SPLITS = ("train", "val", "test")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.reader is not None:
        print(json.dumps(measured(options.reader, options.folder)))
        return 0
    data = os.environ.get("SAIBENCH_DATA_DIR")
    excerpt = Path(data or ".") / "top_landscape"
    if not (excerpt / "train.h5").is_file():
        print(f"{excerpt}/train.h5 is missing. Set SAIBENCH_DATA_DIR.", file=sys.stderr)
        return 2
    print(_row("jets", ["reader", "seconds", "jets/s", "MB/s", "peak MB"]))
    for copies in options.copies:
        with tempfile.TemporaryDirectory(prefix="saibench-", dir=options.scratch) as name:
            folder = Path(name)
            jets = repeat_rows(excerpt, folder, copies)
            for reader, runs in in_turn(COMMAND, READERS, folder, options.repeats).items():
                seconds = median(run["seconds"] for run in runs)
                rate, peak = jets / seconds, max(run["peak_mb"] for run in runs)
                cells = [f"{seconds:.2f}", f"{rate:,.0f}", f"{rate * BYTES_A_JET / 1e6:.0f}"]
                print(_row(f"{jets:,}", [reader, *cells, f"{peak:.0f}"]), flush=True)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("benchmarks.jet_reading", __doc__)
    add = parser.add_argument
    add("--copies", nargs="+", type=int, default=[4, 16, 64], help="repetitions of the rows")
    add("--repeats", type=int, default=3, help="runs of each reader")
    add("--scratch", type=Path, help="folder of the files (default: the system's)")
    add("--reader", choices=list(READERS), help=argparse.SUPPRESS)
    add("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def repeat_rows(excerpt: Path, folder: Path, copies: int) -> int:
    """Write the three files with their rows `copies` times; returns the number of jets."""
    import tables

    jets = 0
    for split in SPLITS:
        target = folder / f"{split}.h5"
        with tables.open_file(str(excerpt / f"{split}.h5")) as source:
            source.copy_file(str(target))
        with tables.open_file(str(target), "a") as file:
            table = file.root.table.table
            rows = table.read()
            for _ in range(copies - 1):
                table.append(rows)
            jets += int(table.nrows)
    return jets


def measured(reader: str, folder: Path) -> dict[str, float]:
    """Seconds of one reader, without its imports, and the peak memory in MB of 10^6 bytes."""
    read = READERS[reader]()
    started = time.perf_counter()
    read(folder)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"seconds": seconds, "peak_mb": peak}


def pandas_whole() -> Callable[[Path], None]:
    import pandas

    def read(folder: Path) -> None:
        for split in SPLITS:
            pandas.read_hdf(folder / f"{split}.h5", key="table")

    return read


def pandas_chunks() -> Callable[[Path], None]:
    import pandas

    def read(folder: Path) -> None:
        for split in SPLITS:
            with pandas.HDFStore(folder / f"{split}.h5", mode="r") as store:
                for _ in store.select("table", chunksize=2048):
                    pass

    return read


def saibench_reader() -> Callable[[Path], object]:
    import h5py  # noqa: F401  # as for pandas, imports are not timed
    import hdf5plugin  # noqa: F401

    from saibench.datamodules.cache_root import cache_root
    from saibench.datamodules.jet_tagging.top_landscape import TopLandscape

    return lambda folder: TopLandscape(str(folder)).load(cache_root())


def cached_batches() -> Callable[[Path], None]:
    import numpy as np

    from saibench.datamodules.cache_root import cache_root
    from saibench.datamodules.jet_tagging.loader import JetArrays
    from saibench.datamodules.jet_tagging.top_landscape import TopLandscape

    def read(folder: Path) -> None:
        jets = TopLandscape(str(folder)).load(cache_root())
        order = np.random.default_rng(0).permutation(len(jets))
        arrays = JetArrays(jets, max_constituents=128)
        for start in range(0, len(order), BATCH):
            arrays.batch(order[start : start + BATCH])

    return read


READERS: dict[str, Callable[[], Callable[[Path], object]]] = {
    "pandas": pandas_whole,
    "chunks": pandas_chunks,
    "saibench": saibench_reader,
    "cached": cached_batches,
}


def _row(title: str, cells: Sequence[str]) -> str:
    return f"{title:>10}" + "".join(f"{cell:>12}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
