"""Time and memory of a large imported table: import, trust, trace and report.

    python -m benchmarks.import [--rows 1000000] [--columns 20] [--format parquet]

Each step is a new process. The table has names of samples, truth, prediction, features of which one
scales the error, and groups of 100 samples. The CPU time depends less on other load than the time.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars

from benchmarks.process_usage import run_python

OTHERS = 5
"""Columns that are not features: sample_id, y_true, y_pred, group, and distance."""
PER_GROUP = 100
STEPS = {
    "import": ("import", "{file}", "-o", "{study}"),
    "import again": ("import", "{file}", "-o", "{study}"),
    "trust": ("trust", "{study}", "--feature", "distance", "--tolerance", "2"),
    "trace": ("trace", "{study}"),
    "report": ("report", "{study}"),
}


def write_table(path: Path, rows: int, columns: int) -> None:
    """Write a table whose error grows with `distance` and not with the other features."""
    rng = np.random.default_rng(0)
    distance, truth = rng.exponential(size=rows), rng.normal(size=rows)
    table = polars.DataFrame(
        {
            "sample_id": np.arange(rows),
            "y_true": truth,
            "y_pred": truth + (0.2 + distance) * rng.normal(size=rows),
            "group": np.arange(rows) // PER_GROUP,
            "distance": distance,
            **{f"feature_{n}": rng.normal(size=rows) for n in range(columns - OTHERS)},
        }
    )
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)


def measured(name: str, words: list[str]) -> str:
    """Run a command of saibench; return a line with its seconds, CPU seconds and peak memory."""
    used = run_python(["-m", "saibench", *words])
    if used is None:
        return f"{name:<14} failed"
    memory = used.peak_bytes / 2**30
    return f"{name:<14} {used.seconds:8.1f} s {used.cpu_seconds:8.1f} s CPU {memory:8.2f} GiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = {"file": f"{folder}/table.{options.format}", "study": f"{folder}/study"}
        write_table(Path(names["file"]), options.rows, options.columns)
        print(f"table {Path(names['file']).stat().st_size / 2**20:.0f} MiB")
        for name in options.steps:
            words = [word.format(**names) for word in STEPS[name]]
            print(measured(name, words), flush=True)
        page = Path(names["study"]) / "report.html"
        if page.exists():
            print(f"page {page.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
