"""Seconds, memory and pages of large studies at three sizes, and how they grow.

    python -m benchmarks.large_studies                       # both kinds of studies
    python -m benchmarks.large_studies --runs 10 100 300     # or --samples, or both
    python -m benchmarks.large_studies --untrained 100

A study of many runs has 1,000 samples a run and ten models with seeds and training set sizes; a
study of one run is the table of `benchmarks.import`. Each step is a new process, and its seconds
are those of the processor: they depend less on other load than the time. The growth is the exponent
of the size, by least squares of the logarithms: 1 is linear, and n log n has 1.1 here. Beside the
size of a page is the time to its first paint, in a headless Chromium if there is one.

`--untrained` sweeps a baseline without training over seeds: seconds of a run after the first, and
the memory of the command.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars

from benchmarks.process_usage import REPOSITORY, run_python

SAMPLES_OF_A_RUN = 1000
MODELS, SIZES = 10, 5
JOIN = "import sys; from saibench.evidence.reader import join; join(sys.argv[1])"
STEPS: dict[str, Sequence[str]] = {
    "join": ("-c", JOIN, "{study}"),
    "report": ("-m", "saibench", "report", "{study}"),
    "trust": ("-m", "saibench", "trust", "{study}", "--feature", "distance", "--tolerance", "2"),
    "trace": ("-m", "saibench", "trace", "{study}"),
}
"""Arguments of Python. `trust` and `trace` of a study of many runs are of its first run."""
SIZES_OF_BOTH = {"runs": [100, 300, 1000], "samples": [100_000, 300_000, 1_000_000]}
"""If neither `--runs` nor `--samples` is given."""
UNTRAINED = ("workload=field_dynamics", "data=lorenz", "model=field_persistence")


def write_runs(path: Path, runs: int) -> None:
    """A table of runs whose error grows with `distance`, and falls with the training set's size."""
    rng = np.random.default_rng(0)
    rows, seeds = SAMPLES_OF_A_RUN, max(1, runs // (MODELS * SIZES))
    run, cell = np.repeat(np.arange(runs), rows), np.repeat(np.arange(runs) // seeds, rows)
    model, size = cell % MODELS, cell // MODELS
    features = {name: np.tile(rng.normal(size=rows), runs) for name in ("first", "second", "third")}
    distance = np.tile(rng.exponential(size=rows), runs)
    truth = np.tile(rng.normal(size=rows), runs)
    scale = (1 + 0.1 * model + 1 / np.sqrt(1 + size)) * (0.2 + distance)
    table = {
        "sample_id": np.tile(np.arange(rows), runs),
        "model": polars.Series(model).cast(polars.String),
        "seed": run % seeds,
        "train_count": 1000 * 2**size,
        "y_true": truth,
        "y_pred": truth + scale * rng.normal(size=runs * rows),
        "group": np.tile(np.arange(rows) // 10, runs),
        "distance": distance,
    }
    polars.DataFrame({**table, **features}).write_parquet(path)


def write_samples(path: Path, samples: int) -> None:
    importlib.import_module("benchmarks.import").write_table(path, samples, columns=20)


def measure(kind: str, sizes: Sequence[int], steps: Sequence[str], limit: float) -> list[str]:
    """Lines of a table: by size the seconds and memory of each step, and the page."""
    found: dict[str, list[float]] = {step: [] for step in steps}
    lines = [f"| {kind} | {' | '.join(steps)} | page |", "|---:" * (2 + len(steps)) + "|"]
    write = write_runs if kind == "runs" else write_samples
    for size in sizes:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            file, study = Path(scratch) / "table.parquet", Path(scratch) / "study"
            write(file, size)
            if run_python(["-m", "saibench", "import", str(file), "-o", str(study)], limit) is None:
                raise SystemExit(f"the import of {size:,} {kind} failed")
            first = next(path.parent for path in sorted(study.glob("*/run.json")))
            cells = []
            for step in steps:
                of_one = kind == "runs" and step in ("trust", "trace")
                named = {"study": first if of_one else study}
                used = run_python([word.format(**named) for word in STEPS[step]], limit)
                found[step].append(np.nan if used is None else used.cpu_seconds)
                cells.append(
                    f"over {limit:.0f} s" if used is None
                    else f"{used.cpu_seconds:.0f} s, {used.peak_bytes / 1e9:.1f} GB"
                )  # fmt: skip
                print(f"{size:,} {kind}, {step}: {cells[-1]}", file=sys.stderr, flush=True)
            page = study / "report.html"
            cells.append(about_page(page, Path(scratch)) if page.exists() else "–")
        lines.append(f"| {size:,} | {' | '.join(cells)} |")
    growth = [exponent(sizes, seconds) for seconds in found.values()]
    return [*lines, f"| growth | {' | '.join(growth)} | |"]


def about_page(page: Path, scratch: Path) -> str:
    """Size of a page, and milliseconds to its first paint if there is a Chromium."""
    size = f"{page.stat().st_size / 1e6:.1f} MB"
    sys.path.insert(0, str(REPOSITORY / "tests"))
    tests = importlib.import_module("browser")
    if tests.chromium() is None:
        return size
    with tests.browser(scratch / "chromium") as opened:
        opened.open(page)
        paint = opened.value("performance.getEntriesByType('paint')[0].startTime")
    return f"{size}, {paint:.0f} ms"


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> str:
    """The power of the size with which the seconds grow; a dash for fewer than two of them."""
    known = [(size, one) for size, one in zip(sizes, seconds, strict=True) if np.isfinite(one)]
    if len(known) < 2:
        return "–"
    return f"{np.polyfit(*np.log(np.array(known)).T, 1)[0]:.2f}"


def untrained(runs: int) -> list[str]:
    """Lines on a sweep of a baseline over seeds: seconds per run, and memory; without its page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        study, used = Path(scratch) / "study", []
        command = [sys.executable, "train.py", "-m", *UNTRAINED, "trainer=none", "logger=none",
                   f"seed=range({runs})", f"hydra.sweep.dir={study}"]  # fmt: skip
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
        done = 0
        while done < runs:
            if process.poll() is not None:
                raise SystemExit(f"the sweep ended with code {process.returncode}")
            time.sleep(0.2)
            done = len([*study.glob("*/metrics.json")])
            used.append((done, time.perf_counter(), *_used(process.pid)))
        process.terminate()
        process.wait()
    of_runs = np.array([one for one in used if one[0] >= 1])
    number, seconds, processor, memory = of_runs.T
    after_first = number[-1] - number[0]
    early, late = memory[number <= runs / 4], memory[number > 3 * runs / 4]
    return [
        f"{runs} runs of a baseline: {np.ptp(seconds) / after_first:.2f} s a run after the first, "
        f"{np.ptp(processor) / after_first:.2f} s of the processor; memory at most "
        f"{early.max():.2f} GB in the first quarter, {late.max():.2f} GB in the last."
    ]


def _used(pid: int) -> tuple[float, float]:
    """Seconds of the processor and resident memory in GB of a process that runs."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    seconds = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return seconds, pages * os.sysconf("SC_PAGE_SIZE") / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large_studies",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, nargs="+", help="only studies of so many runs")
    parser.add_argument("--samples", type=int, nargs="+", help="only runs of so many samples")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--limit", type=float, default=1800, help="seconds of a step")
    parser.add_argument("--untrained", type=int, metavar="RUNS", help="measure only this sweep")
    options = parser.parse_args()
    if options.untrained:
        print("\n".join(untrained(options.untrained)))
        return
    given = {"runs": options.runs, "samples": options.samples}
    sizes = given if any(given.values()) else SIZES_OF_BOTH
    for kind, chosen in sizes.items():
        if chosen:
            print("\n".join(measure(kind, chosen, options.steps, options.limit)), end="\n\n")


if __name__ == "__main__":
    main()
