"""Coverage of intervals of a mean from blocks of correlated errors, by simulation.

    python -m benchmarks.coverage_of_blocks [--simulations 600] [--print]

Blocks are those of `saibench.analysis.blocks`, from the correlation time of the error itself, and
those of `saibench.evidence.dependence`, from all errors of a study's samples. The true mean is 0,
the nominal coverage 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import polars

from benchmarks.simulation import ar1, markdown_table, page_command
from saibench.analysis.blocks import Blocks, find_blocks
from saibench.analysis.bootstrap import Floats
from saibench.evidence.dependence import Errors, SameSamples, dependence, marked_with_stretches
from saibench.evidence.independence import Independence, marked_index

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/blocks.md"
TIME, SAMPLES = "time", "samples"
FRAMES = 29
"""Frames of a window, as of a radar event."""
MEMORY = 0.5
"""AR(1) coefficient of the series of the windows."""
MODELS, POSITIONS = ("first", "second"), 3
SHARED = 0.5
"""Correlation of the errors of one study."""

Series = Callable[[np.random.Generator, int], Floats]
"""Errors `(n,)` of mean 0."""


def of_memory(memory: float) -> tuple[str, Series]:
    return f"AR(1), a = {memory}", lambda rng, count: ar1(rng, count, memory)


def windows(stride: int) -> tuple[str, Series]:
    """Means of 29 frames of one series, with a window every `stride` frames."""

    def drawn(rng: np.random.Generator, count: int) -> Floats:
        frames = ar1(rng, (count - 1) * stride + FRAMES, MEMORY)
        sums = np.concatenate([[0.0], frames.cumsum()])
        starts = stride * np.arange(count)
        return (sums[starts + FRAMES] - sums[starts]) / FRAMES

    return f"windows every {stride}", drawn


Row = tuple[tuple[str, Series], int, str]
"""Errors, their number, and their declaration."""
SINGLE: list[Row] = [
    *((of_memory(memory), 50, TIME) for memory in (0.0, 0.5, 0.9, 0.97)),
    (windows(4), 50, TIME),
    *((windows(stride), 50, SAMPLES) for stride in (4, 15, 29)),
    *((of_memory(memory), 200, TIME) for memory in (0.0, 0.5, 0.9, 0.97)),
    *((windows(stride), 200, SAMPLES) for stride in (1, 4, 15, 29)),
    *((of_memory(memory), 1000, TIME) for memory in (0.5, 0.9)),
    *((windows(stride), 1000, SAMPLES) for stride in (1, 4, 15)),
]
TOGETHER: list[Row] = [
    *((of_memory(memory), 50, TIME) for memory in (0.5, 0.9)),
    *((windows(stride), 50, SAMPLES) for stride in (4, 15, 29)),
    *((of_memory(memory), 200, TIME) for memory in (0.9, 0.97)),
    *((windows(stride), 200, SAMPLES) for stride in (1, 4, 15, 29)),
    (of_memory(0.9), 1000, TIME),
]


def samples_of(count: int, declared: str) -> polars.DataFrame:
    ids = np.arange(count)
    if declared == SAMPLES:
        return polars.DataFrame({"sample_id": ids})
    timed = polars.DataFrame({"sample_id": ids, "time": ids.astype(float)})
    return marked_index(timed, Independence("time", "time"))


def covers(blocks: Blocks, errors: Floats) -> bool | None:
    """Whether the interval of the mean includes 0; None without an interval."""
    found = blocks.mean(errors)
    return None if math.isnan(found.low) else found.low <= 0 <= found.high


def measured(row: Row, simulations: int) -> list[str]:
    """One row of the first table."""
    (name, drawn), count, declared = row
    rng = np.random.default_rng([count, *name.encode()])
    samples = samples_of(count, declared)
    numbers, contradictions, covering = [], 0, []
    for _ in range(simulations):
        errors = drawn(rng, count)
        blocks = find_blocks(samples, errors)
        numbers.append(blocks.num_blocks)
        contradictions += blocks.contradiction is not None
        covering.append(covers(blocks, errors))
    return [
        *(name, str(count), declared, f"{np.median(numbers):g}"),
        *(covered(covering), without(covering), percent(contradictions, simulations)),
    ]


def measured_together(row: Row, simulations: int) -> list[str]:
    """One row of the second table."""
    (name, drawn), count, declared = row
    rng = np.random.default_rng([count, *name.encode()])
    samples = samples_of(count, declared)
    ways: list[tuple[list[bool | None], list[bool], list[int]]] = [([], [], []), ([], [], [])]
    for _ in range(simulations):
        errors = study(rng, drawn, count)
        for (covering, same, numbers), known in zip(
            ways, (samples, decided(samples, errors)), strict=True
        ):
            found = [find_blocks(known, column) for column in errors.T]
            covering += map(covers, found, errors.T)
            of_errors = [blocks.num_blocks for blocks in found]
            same += [one == other for one, other in combinations(of_errors, 2)]
            numbers += of_errors
    own, together = ways
    return [
        *(name, str(count), declared, f"{np.median(together[2]):g}"),
        *(of(way[0]) for of in (covered, without) for way in (own, together)),
        *(percent(sum(way[1]), len(way[1])) for way in (own, together)),
    ]


def study(rng: np.random.Generator, drawn: Series, count: int) -> Floats:
    """`(n, 6)` errors of two models at three positions, with correlation `SHARED`."""
    shared = drawn(rng, count)
    number = len(MODELS) * POSITIONS
    own = np.stack([drawn(rng, count) for _ in range(number)], axis=1)
    return math.sqrt(SHARED) * shared[:, None] + math.sqrt(1 - SHARED) * own


def decided(samples: polars.DataFrame, errors: Floats) -> polars.DataFrame:
    """The samples with the stretches decided by all errors together, as in a study."""
    parts = dict(zip(MODELS, np.split(errors, len(MODELS), axis=1), strict=True))
    decision = dependence(samples, [Errors("position", "error", parts)])
    keyed = samples.with_columns(point=polars.lit(MODELS[0]), partition=polars.lit("test"))
    return marked_with_stretches(keyed, [SameSamples("test", MODELS[:1], samples, decision)])


def covered(covering: Sequence[bool | None]) -> str:
    """Coverage of the existing intervals."""
    found = [one for one in covering if one is not None]
    return percent(sum(found), len(found))


def without(covering: Sequence[bool | None]) -> str:
    return percent(sum(one is None for one in covering), len(covering))


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(header, ["---", "---:", "---"] + ["---:"] * (len(header) - 3), rows)


def page(simulations: int) -> str:
    """Both tables, with a description of the simulations."""
    studies = max(1, 2 * simulations // 3)
    common = ["errors", "n", "declared", "blocks (median)"]
    single = table(
        [*common, "coverage [%]", "no interval [%]", "contradicted [%]"],
        [measured(row, simulations) for row in SINGLE],
    )
    together = table(
        [
            *common,
            *("coverage [%], own", "decided", "no interval [%], own", "decided"),
            *("same blocks [%], own", "decided"),
        ],
        [measured_together(row, studies) for row in TOGETHER],
    )
    return (
        "# Coverage of 95 % intervals of a mean of correlated errors\n\n"
        f"`python -m benchmarks.coverage_of_blocks --simulations {simulations}`: {simulations} "
        "simulated series of n errors per row, with the blocks of `saibench.analysis.blocks`. "
        f"AR(1) errors with coefficient a and a declared time; means over windows of {FRAMES} "
        f"frames of an AR(1) series (a = {MEMORY}), with a declared time or declared as "
        "independent samples, which their correlation may contradict. Coverage is of the existing "
        "intervals.\n\n"
        f"{single}\n\n"
        "Series of only a few blocks have a lower coverage, since their correlation time is "
        "uncertain. Intervals need at least three blocks.\n\n"
        "## Decided once for a study's samples\n\n"
        "Six errors of the same samples (two models at three positions) with correlation "
        f"{SHARED}: blocks from each error's own correlation time, compared with those that "
        f"`saibench.evidence.dependence` decides for all of them; {studies} simulated studies per "
        "row. Same blocks: how often two of the errors have the same number of blocks.\n\n"
        f"{together}\n"
    )


if __name__ == "__main__":
    page_command(page, TARGET, 600, __doc__)
