"""Coverage of the intervals of learning curves, on curves of known laws.

    python -m benchmarks.learning_curve_coverage [--curves 100]

Curves are drawn from each law with noise of the test and of the trainings, at six sizes from 200 to
6,400. Predicted are the error at four times the largest size, the size with the error of 2.5 times
the largest size, and the error of the largest size from the others. The nominal coverage is 95 %.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.simulation import markdown_table
from saibench.analysis.learning_curve.data_needed import data_needed
from saibench.analysis.learning_curve.extrapolation import extrapolate
from saibench.analysis.learning_curve.prediction import check

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from made_curves import LAWS, SIZES, curve_of  # noqa: E402

TARGET = ROOT / "docs" / "results" / "benchmarks" / "learning_curve_coverage.md"
RESAMPLES = 400
AHEAD, NEEDED = 4.0, 2.5


def measured(name: str, trainings: int, curves: int) -> list[str]:
    """One row of the table."""
    law, rng = LAWS[name], np.random.default_rng([trainings, *name.encode()])
    covered: Counter[str] = Counter()
    widths, chosen = [], Counter[str]()
    for _ in range(curves):
        curve = curve_of(rng, law, trainings=trainings)
        found = extrapolate(curve, num_resamples=RESAMPLES)
        chosen[found.law.name] += 1
        at, truth = found.at(AHEAD * SIZES[-1]), law(AHEAD * SIZES[-1])
        covered["error"] += at.low <= truth <= at.high
        widths.append((at.high - at.low) / truth)
        size = NEEDED * SIZES[-1]
        needed = data_needed(found, law(size), reach=math.inf).size
        covered["size"] += needed.low <= size <= needed.high
        tested = check(curve, num_resamples=RESAMPLES)
        covered["check"] += tested is not None and not tested.misses
    shares = [f"{100 * covered[what] / curves:.0f} %" for what in ("error", "size", "check")]
    own = f"{100 * chosen[name] / curves:.0f} %"
    return [name, str(trainings), *shares, f"{100 * float(np.median(widths)):.0f} %", own]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=int, default=100, help="of each law")
    curves = parser.parse_args().curves
    header = ["law", "trainings per size", "error at 4 ×", "size needed", "largest size predicted",
              "width at 4 ×", "law found"]  # fmt: skip
    rows: list[list[str]] = []
    start = time.perf_counter()
    for trainings in (1, 3):
        for name in LAWS:
            rows.append(measured(name, trainings, curves))
            print(" | ".join(rows[-1]), flush=True)
    error = 100 * math.sqrt(0.95 * 0.05 / curves)
    table = markdown_table(header, ["---", *["---:"] * (len(header) - 1)], rows)
    TARGET.write_text(
        "# Coverage of learning-curve intervals on curves of known laws\n\n"
        f"`python -m benchmarks.learning_curve_coverage --curves {curves}`; "
        f"{time.perf_counter() - start:.0f} s. Sizes {', '.join(map(str, SIZES))}; 400 test "
        "samples in 20 blocks; standard deviation between trainings 3 %, unknown to the fits. "
        f"Nominal coverage 95 %, its standard error {error:.1f} percentage points; median width of "
        "the interval relative to the truth.\n\n"
        f"{table}\n\nWith one training per size the noise of trainings is estimated from the "
        "scatter about the law, with two or more from their differences.\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
