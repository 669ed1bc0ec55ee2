"""How often the mean of a slow series is told from its true value, by simulation.

    python -m benchmarks.level_of_few_blocks [--simulations 2000] [--print]

AR(1) series of mean 0, of which those are tested whose estimated correlation time leaves fewer than
four independent blocks: by `saibench.analysis.few_blocks` at a level of 5 %.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
from scipy.signal import lfilter

from benchmarks.simulation import markdown_table, page_command
from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Floats
from saibench.analysis.few_blocks import PARTS, interval_of_parts
from saibench.analysis.proportions import exact_interval
from saibench.evidence.independence import Independence, marked_index

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/few_blocks.md"
COUNTS = (200, 400, 1000)
TIMES = (26.0, 13.0, 6.7, 3.3)
"""Lengths of the series, in correlation times."""
BURN_IN = 2000


def slow(rng: np.random.Generator, count: int, time: float) -> Floats:
    """An AR(1) series `(count,)` of mean 0 with this integrated correlation time."""
    memory = (2 * time - 1) / (2 * time + 1)
    noise = rng.standard_normal(count + BURN_IN)
    return np.asarray(lfilter([1.0], [1.0, -memory], noise))[BURN_IN:]


def measured(count: int, times: float, simulations: int) -> list[str]:
    rng = np.random.default_rng([count, round(10 * times)])
    ids = np.arange(count)
    frames = polars.DataFrame({"sample_id": ids, "time": ids.astype(float)})
    samples = marked_index(frames, Independence("time", "time"))
    tested = rejected = 0
    for _ in range(simulations):
        series = slow(rng, count, count / times)
        if find_blocks(samples, series).num_blocks >= PARTS:
            continue
        found = interval_of_parts(series)
        tested += 1
        rejected += not found.low <= 0 <= found.high
    low, high = exact_interval(rejected, tested)
    share = f"{100 * rejected / tested:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    of_all = f"{100 * rejected / simulations:.1f}"
    return [f"{times:g}", f"{count}", f"{100 * tested / simulations:.1f}", share, of_all]


def page(simulations: int) -> str:
    header = [
        "length [correlation times]", "n", "fewer than four blocks [%]",
        "of these, rejected [%]", "of all, rejected so [%]",
    ]  # fmt: skip
    rows = [measured(count, times, simulations) for times in TIMES for count in COUNTS]
    return (
        "# Level of the comparison of runs on few blocks\n\n"
        f"`python -m benchmarks.level_of_few_blocks --simulations {simulations}`: AR(1) series of "
        "mean 0, so many per row. Where the correlation time, estimated from a series, leaves "
        "fewer than four independent blocks, its mean is tested by Student's t of four equal parts "
        "(`saibench.analysis.few_blocks`), as the difference of the errors of two runs is. Nominal "
        "level: 5 %. It holds if the series is at least about seven true correlation times long; a "
        "shorter one may be one excursion, which no test can tell from a difference.\n\n"
        f"{markdown_table(header, ['---:'] * 5, rows)}\n"
    )


if __name__ == "__main__":
    page_command(page, TARGET, 2000, __doc__)
