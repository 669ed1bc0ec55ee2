"""False alarms and delay of the monitor of a stream, by simulation.

    python -m benchmarks.exchangeability_monitor [--simulations 200] [--print]

The monitor is that of `saibench.analysis.exchangeability`, with the calibration samples that it
chooses itself. Series are AR(1) with unit variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars
from scipy.signal import lfilter

from benchmarks.simulation import markdown_table, page_command
from saibench.analysis.bootstrap import Floats
from saibench.analysis.exchangeability import Monitor, Reference, Series, reference_of
from saibench.analysis.exchangeability import martingale as bets
from saibench.analysis.exchangeability.reference import MIN_VALUES, TIMES_BETWEEN, spaced
from saibench.evidence.independence import Independence, marked_index
from saibench.evidence.stretches import memory

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/exchangeability.md"
LEVEL = 0.05
FEATURES = 3
SHARED = 0.5
"""Correlation of the features with each other."""

NULL = [(0.0, 180, 180), (0.0, 600, 600)] + [
    (a, length, length) for a in (0.5, 0.9, 0.97) for length in (60, 200)
]
"""AR(1) coefficient, and lengths of calibration and stream in spacings of the monitor."""
SHIFTED = [(known, shift) for known in (30, 100, 500) for shift in (0.5, 1.0, 2.0, 4.0)]
"""Calibration samples, and change of the mean in standard deviations."""
BEFORE, AFTER = 20, 100
"""Samples of a stream before and after its change."""


def correlation_time(a: float) -> float:
    """Of an AR(1) series with coefficient a (Sokal's definition)."""
    return max(1.0, (1 + a) / (2 * (1 - a)))


def features(rng: np.random.Generator, count: int, a: float) -> Floats:
    """`(count, FEATURES)` correlated AR(1) series of unit variance."""
    burn_in = 20 * math.ceil(correlation_time(a))
    noise = rng.standard_normal((count + burn_in, FEATURES + 1)) * math.sqrt(1 - a * a)
    series = lfilter([1.0], [1.0, -a], noise, axis=0)[burn_in:]
    return math.sqrt(SHARED) * series[:, :1] + math.sqrt(1 - SHARED) * series[:, 1:]


def samples(values: Floats) -> polars.DataFrame:
    """A table of calibration samples in the order of their times."""
    columns = {f"x{number}": column for number, column in enumerate(values.T)}
    ids = np.arange(len(values))
    rows = polars.DataFrame({"sample_id": ids, "time": ids.astype(float), **columns})
    return marked_index(
        rows.with_columns(error=polars.col("x0").abs()), Independence("time", "time")
    )


def raises(reference: Reference, stream: Floats, seed: int) -> bool:
    monitor = Monitor(reference, level=LEVEL, seed=seed)
    for time, row in enumerate(stream.tolist()):
        monitor.update({f"x{number}": value for number, value in enumerate(row)}, float(time))
    return monitor.alarm is not None


def false_alarms(row: tuple[float, int, int], simulations: int) -> list[str]:
    """One row of the first table."""
    a, known, length = row
    spacing = 1 if a == 0 else math.ceil(TIMES_BETWEEN * correlation_time(a))
    rng = np.random.default_rng([known, length, round(100 * a)])
    alarms, monitored, numbers = 0, 0, []
    for number in range(simulations):
        calibration = features(rng, known * spacing, a)
        stream = features(rng, length * spacing, a)
        reference = reference_of(samples(calibration), ["x0", "x1", "x2"], "error")
        if reference is not None:
            monitored += 1
            numbers.append(max(len(one.values) for one in reference.series))
            alarms += raises(reference, stream, number)
    return [
        f"{a:g}",
        str(known * spacing),
        str(length * spacing),
        f"{np.median(numbers):g}",
        percent(alarms, monitored),
        percent(simulations - monitored, simulations),
    ]


def by_spacing(a: float, known: int, times: float, simulations: int) -> float:
    """Share of false alarms of one feature with another number of correlation times between."""
    rng = np.random.default_rng([known, round(100 * a), round(10 * times)])
    length = known * math.ceil(TIMES_BETWEEN * correlation_time(a))
    alarms = 0
    for number in range(simulations):
        calibration, stream = (features(rng, length, a)[:, :1] for _ in range(2))
        spacing = times * memory(calibration)
        chosen = spaced(np.arange(length, dtype=float), spacing)
        values = tuple(calibration[chosen, 0].tolist())
        series = Series("x0", values, tuple(chosen.tolist()), spacing)
        reference = Reference((series,), None, kind="sample")
        alarms += raises(reference, stream, number)
    return alarms / simulations


def delay(known: int, shift: float, simulations: int, used: Sequence[bets.Bet]) -> list[str]:
    """Median number of samples from the change of one feature to its alarm, and share found."""
    rng = np.random.default_rng([known, round(10 * shift)])
    delays = []
    for number in range(simulations):
        p_values = bets.PValues(rng.standard_normal(known), number)
        martingale = bets.Martingale(used)
        stream = rng.standard_normal(BEFORE + AFTER)
        stream[BEFORE:] += shift
        found = (
            at - BEFORE + 1
            for at, value in enumerate(stream)
            if martingale.update(p_values.next(value)) >= math.log(1 / LEVEL)
        )
        delays.append(next(found, math.inf))
    late = [one for one in delays if one > 0]
    median = float(np.median(late))
    return [
        f"{median:.0f}" if median < math.inf else f"over {AFTER}",
        percent(sum(one < math.inf for one in late), len(late)),
    ]


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def page(simulations: int) -> str:
    """The tables, with a description of the simulations."""
    header = [
        *("a", "calibration [samples]", "stream [samples]", "compared with (median)"),
        *("false alarms [%]", "no monitor [%]"),
    ]
    null = markdown_table(
        header, ["---:"] * len(header), [false_alarms(row, simulations) for row in NULL]
    )
    multiples = (1.0, 2.0, 3.0, 5.0)
    header = ["a", "spacings", *(f"{times:g} τ" for times in multiples)]
    spacings = [
        [f"{a:g}", str(known)]
        + [f"{100 * by_spacing(a, known, times, simulations):.1f}" for times in multiples]
        for a in (0.9, 0.97)
        for known in (60, 200)
    ]
    by_times = markdown_table(header, ["---:"] * len(header), spacings)
    jumper = [bets.linear(slope) for slope in (-1.0, 0.0, 1.0)]
    header = ["calibration samples", "shift [σ]", "delay [samples]", "found [%]"]
    header += ["delay, simple jumper", "found [%], simple jumper"]
    shifted = markdown_table(
        header,
        ["---:"] * len(header),
        [
            [str(known), f"{shift:g}"]
            + [
                cell
                for used in (bets.BETS, jumper)
                for cell in delay(known, shift, simulations, used)
            ]
            for known, shift in SHIFTED
        ],
    )
    return (
        "# The monitor of a stream: false alarms and delay\n\n"
        f"`python -m benchmarks.exchangeability_monitor --simulations {simulations}`: "
        f"{simulations} simulated calibrations and streams per row, with the monitor of "
        "`saibench.analysis.exchangeability` at a level of 5 %.\n\n"
        "## False alarms\n\n"
        f"{FEATURES} features with correlation {SHARED}, AR(1) series with coefficient a, in the "
        "calibration and in the stream. The monitor estimates the correlation time τ, and compares "
        f"one value every {TIMES_BETWEEN:g} τ. It needs {MIN_VALUES} such values.\n\n"
        f"{null}\n\n"
        "With one feature, false alarms [%] by the distance of the compared samples:\n\n"
        f"{by_times}\n\n"
        "## Delay\n\n"
        "Independent samples of one feature, whose mean changes by a number of standard deviations "
        f"after {BEFORE} samples: median number of samples from the change to the alarm, and share "
        f"of changes found within {AFTER} samples. Beside it with the bets of the simple jumper "
        "martingale (Vovk et al. 2021), which MAPIE 1.6 has.\n\n"
        f"{shifted}\n"
    )


if __name__ == "__main__":
    page_command(page, TARGET, 200, __doc__, of="streams")
