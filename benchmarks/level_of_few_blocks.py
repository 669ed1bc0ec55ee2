"""How often the mean of a correlated series is told from its true value, by simulation.

    python -m benchmarks.level_of_few_blocks [--simulations 5000] [--print]

AR(1) series of mean 0, tested at a level of 5 % by `saibench.analysis.few_blocks`, as the
difference of the errors of two runs is; and, for comparison, with stretches of five correlation
times that are taken for independent, or else four parts.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from benchmarks.simulation import markdown_table, page_command
from saibench.analysis.bootstrap import Floats, Interval, mean_cumulants, mean_interval
from saibench.analysis.few_blocks import PARTS, interval_of_parts, interval_of_series
from saibench.analysis.proportions import exact_interval
from saibench.evidence.autocorrelation import correlation_time
from saibench.evidence.stretches import number_of_stretches, stretches

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/few_blocks.md"
BURN_IN = 2000
GROWTH = 5.0
"""Ratio of the last to the first standard deviation of series of growing variance."""
LOG_WIDTH = 0.7
"""Standard deviation of the logarithm of skewed series."""
CASES = [
    *(("Gaussian", count, times) for times in (100.0, 52.0, 26.0, 13.0, 6.7, 3.3)
      for count in (200, 400, 1000)),
    *(("Gaussian", 50, times) for times in (26.0, 13.0, 6.7)),
    *(("growing variance", 400, times) for times in (100.0, 26.0, 13.0, 6.7)),
    *(("log-normal", 400, times) for times in (100.0, 26.0, 13.0, 6.7)),
]  # fmt: skip
"""Kind, number of samples, and length in correlation times."""


def null_series(rng: np.random.Generator, kind: str, count: int, time: float) -> Floats:
    """An AR(1) series `(count,)` of mean 0 with this integrated correlation time."""
    memory = (2 * time - 1) / (2 * time + 1)
    noise = math.sqrt(1 - memory**2) * rng.standard_normal(count + BURN_IN)
    series: Floats = np.asarray(lfilter([1.0], [1.0, -memory], noise))[BURN_IN:]
    if kind == "growing variance":
        series = series * np.geomspace(1.0, GROWTH, count)
    elif kind == "log-normal":
        series = np.exp(LOG_WIDTH * series) - math.exp(LOG_WIDTH**2 / 2)
    return series


def as_if_independent(series: Floats) -> Interval:
    """Mean of a series from stretches of five estimated correlation times, uncorrected."""
    count = len(series)
    number = number_of_stretches(correlation_time([series]), count)
    if number < PARTS:
        return interval_of_parts(series)
    cumulants = mean_cumulants(series, stretches(np.arange(count), number))
    return mean_interval(float(series.mean()), cumulants, number, count)


def measured(kind: str, count: int, times: float, simulations: int) -> list[str]:
    rng = np.random.default_rng([len(kind), count, round(10 * times)])
    before = after = parts = 0
    halves, means = [], []
    for _ in range(simulations):
        series = null_series(rng, kind, count, count / times)
        found = interval_of_series(series)
        after += not found.low <= 0 <= found.high
        parts += found.num_blocks == PARTS
        halves.append((found.high - found.low) / 2)
        means.append(found.estimate)
        uncorrected = as_if_independent(series)
        before += not uncorrected.low <= 0 <= uncorrected.high
    ideal = 1.96 * float(np.std(means))
    return [
        kind, f"{times:g}", f"{count}", _level(before, simulations), _level(after, simulations),
        f"{100 * parts / simulations:.0f}", f"{float(np.median(halves)) / ideal:.2f}",
    ]  # fmt: skip


def _level(rejected: int, simulations: int) -> str:
    low, high = exact_interval(rejected, simulations)
    return f"{100 * rejected / simulations:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def page(simulations: int) -> str:
    header = [
        "series", "length [correlation times]", "n", "rejected, uncorrected [%]", "rejected [%]",
        "four parts [%]", "width",
    ]  # fmt: skip
    rows = [measured(*case, simulations) for case in CASES]
    return (
        "# Level of the comparison of runs\n\n"
        f"`python -m benchmarks.level_of_few_blocks --simulations {simulations}`: AR(1) series of "
        "mean 0, so many per row, whose mean is tested at a level of 5 % as the difference of the "
        "errors of two runs is (`saibench.analysis.few_blocks`). *Uncorrected*: stretches of five "
        "estimated correlation times are taken for independent; fewer than four are replaced by "
        "four equal parts and Student's t. *Rejected*: the same, but with the correlation time "
        "corrected for the estimated mean, and the variance for the correlation of neighbouring "
        "stretches. *Four parts*: so often the correlation time leaves no more than four. *Width*: "
        "median of the interval's over that of 1.96 true standard errors; it is the price of not "
        "knowing them. Series of growing variance end with five times the standard deviation that "
        "they begin with; log-normal ones have a standard deviation of the logarithm of 0.7.\n\n"
        f"{markdown_table(header, ['---', *['---:'] * 6], rows)}\n\n"
        "A series of 26 or more true correlation times nearly keeps the level, one of 13 exceeds "
        "it by half, and a skewed one of 13 doubles it. A shorter one may be one excursion, which "
        "no test can tell from a difference; where only four parts remain, the answer says so.\n"
    )


if __name__ == "__main__":
    page_command(page, TARGET, 5000, __doc__)
