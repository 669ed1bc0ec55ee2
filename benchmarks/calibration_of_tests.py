"""Calibration of saibench's tests: false-positive rates under the null hypothesis.

    python -m benchmarks.calibration_of_tests [--simulations 1000] [--only "95 %"]

A test is calibrated at a level if the interval of the observed rate includes the level or lies
below it. With few permutations or rare errors, small levels cannot be reached: the rate is then 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.simulation import ar1, markdown_table, table_cells
from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.proportions import exact_interval
from saibench.analysis.rank_correlation import ranks_of
from saibench.analysis.tracing.change_points import segments
from saibench.analysis.tracing.component_tests import axis_p_values, class_p_values
from saibench.analysis.tracing.permutations import correlation_p_values

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/calibration.md"
LEVELS = (0.05, 0.01, 0.001)
Simulate = Callable[[np.random.Generator], float]


def of_bin(count: int, own: int, rate: float | None) -> Simulate:
    """One bin of independent samples with errors of 0 or 1, or log-normal errors."""
    member = (np.arange(count) < own)[:, None] == np.array([True, False])

    def simulate(rng: np.random.Generator) -> float:
        errors = rng.lognormal(0, 1, count) if rate is None else rng.random(count) < rate
        return class_p_values(errors.astype(float), member)[0]

    return simulate


def of_stretches(count: int, own: int, memory: float, piece: int) -> Simulate:
    """A class of stretches of an autocorrelated series."""
    member = (np.arange(count) // own % 2)[:, None] == np.arange(2)
    return lambda rng: class_p_values(np.exp(0.5 * ar1(rng, count, memory)), member, piece)[0]


UNEQUAL = np.repeat(np.arange(40), np.where(np.arange(40) % 8, 3, 40))
"""Of 40 groups 5 of 40 samples and 35 of 3."""
EQUAL = np.arange(320) // 8


def of_groups(groups: np.ndarray, within: float, mixed: bool) -> Simulate:
    """A class of entire groups, or of samples with a proportion that differs between groups."""
    count = groups[-1] + 1

    def simulate(rng: np.random.Generator) -> float:
        errors = rng.standard_normal(count)[groups] + within * rng.standard_normal(len(groups))
        share = rng.random(count) if mixed else rng.random(count) < 0.5
        own = rng.random(len(groups)) < share[groups]
        return class_p_values(np.exp(0.5 * errors), np.stack([own, ~own], axis=1), 1, groups)[0]

    return simulate


def in_groups(groups: np.ndarray, within: float, test: str) -> Simulate:
    """An error independent of two features; each group has its own mean of all three."""

    def simulate(rng: np.random.Generator) -> float:
        values = rng.standard_normal((groups[-1] + 1, 3))[groups]
        values = values + within * rng.standard_normal(values.shape)
        found = correlation_p_values(ranks_of(values), 1, num=999, groups=groups)
        return float(found[test == "partial ρ"][0])

    return simulate


def of_position(blocks: int, positions: int, rate: float | None) -> Simulate:
    """One position of an axis, in independent blocks of one sample."""

    def simulate(rng: np.random.Generator) -> float:
        shape = blocks, positions
        errors = rng.lognormal(0, 1, shape) if rate is None else rng.random(shape) < rate
        sizes = np.ones(shape)
        return axis_p_values(errors.astype(float), sizes, np.arange(blocks))[0]

    return simulate


def of_rho(count: int, memory: float, piece: int, partial: bool) -> Simulate:
    """An error independent of two features with the same autocorrelation."""

    def simulate(rng: np.random.Generator) -> float:
        values = np.stack([ar1(rng, count, memory) for _ in range(3)], axis=1)
        return float(correlation_p_values(ranks_of(values), piece, num=999)[partial][0])

    return simulate


def of_changes(count: int, memory: float) -> Simulate:
    return lambda rng: segments(ar1(rng, count, memory), correlated=memory > 0).first.p


def of_unbiased(count: int, skewed: bool, follows: bool) -> Simulate:
    """Independent unbiased errors, whose spread may increase with a log-normal feature."""

    def simulate(rng: np.random.Generator) -> float:
        errors = rng.lognormal(0, 1, count) - np.exp(0.5) if skewed else rng.standard_normal(count)
        spread = np.sort(rng.lognormal(0, 1, count)) if follows else 1.0
        return segments(spread * errors, correlated=False).first.p

    return simulate


def of_interval(blocks: int, skewed: bool) -> Simulate:
    """A 95 % interval of a mean; p = 0.05 if it excludes the truth, else 1."""

    def simulate(rng: np.random.Generator) -> float:
        values = rng.lognormal(0, 1, blocks) if skewed else rng.standard_normal(blocks)
        found = block_bootstrap(values, np.arange(blocks))
        truth = np.exp(0.5) if skewed else 0.0
        return 1.0 if found.low <= truth <= found.high else 0.05

    return simulate


def of_ratio(blocks: int) -> Simulate:
    """A 95 % interval of a ratio of sums, such as CSI; p = 0.05 if it excludes the truth."""

    def ratio(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        first, second = (weights @ values).T
        return first / second

    def simulate(rng: np.random.Generator) -> float:
        values = rng.lognormal(0, 1, (blocks, 1)) * rng.lognormal(0, 0.5, (blocks, 2))
        found = block_bootstrap(values, np.arange(blocks), ratio, of_means=True)
        return 1.0 if found.low <= 1 <= found.high else 0.05

    return simulate


TESTS: dict[tuple[str, str, str], tuple[Simulate, float]] = {
    **{
        ("class, Fisher", f"{own} of {count} jets", f"{100 * rate:g} %"): (
            of_bin(count, own, rate), 1.0,
        )
        for count, own in ((598, 26), (598, 30), (598, 36), (1600, 22), (100, 20))
        for rate in (0.05, 0.13, 0.5)
    },
    **{
        ("class, permutations", f"{own} of {count} events", "log-normal"): (
            of_bin(count, own, None), 0.5,
        )
        for count, own in ((40, 20), (100, 20), (400, 30))
    },
    ("class, permuted blocks", "12 blocks of 20", "log-normal, AR(1) 0.8"): (
        of_stretches(240, 20, 0.8, 20), 0.5,
    ),
    ("class, permuted blocks", "48 blocks of 20", "log-normal, AR(1) 0.8"): (
        of_stretches(960, 20, 0.8, 20), 0.3,
    ),
    **{
        (f"class of {of}, permuted groups", size, f"log-normal, within {within:g}"): (
            of_groups(groups, within, of == "samples"), 0.5,
        )
        for of in ("groups", "samples")
        for size, groups in (("5 × 40, 35 × 3", UNEQUAL), ("40 × 8", EQUAL))
        for within in (0.0, 1.0)
    },
    **{
        (f"{test}, permuted groups", size, f"Gaussian, within {within:g}"): (
            in_groups(groups, within, test), 0.5,
        )
        for test in ("ρ", "partial ρ")
        for size, groups in (("5 × 40, 35 × 3", UNEQUAL), ("40 × 8", EQUAL))
        for within in (0.0, 1.0)
    },
    **{
        ("axis position", f"{blocks} blocks × {positions}", what): (
            of_position(blocks, positions, rate), 0.3,
        )
        for blocks in (6, 10, 20, 60)
        for positions, rate, what in (
            (2, None, "log-normal"), (20, None, "log-normal"), (36, 0.05, "5 %"),
        )
    },
    **{
        ("partial ρ" if partial else "ρ", f"{count} in pieces of {piece}", f"AR(1) {memory:g}"): (
            of_rho(count, memory, piece, partial), 0.3,
        )
        for count, memory, piece in ((20, 0.0, 1), (100, 0.0, 1), (120, 0.6, 10), (480, 0.8, 23))
        for partial in (False, True)
    },
    **{
        ("change of the mean", f"{count} samples", f"AR(1) {memory:g}"): (
            of_changes(count, memory), 0.1,
        )
        for count, memory in (
            (60, 0.0), (240, 0.0), (240, 0.6), (240, 0.8), (500, 0.6), (500, 0.8),
        )
    },
    **{
        ("change of the mean", f"{count} samples", what): (
            of_unbiased(count, skewed, follows), 0.25,
        )
        for what, skewed, follows, counts in (
            ("spread follows the order", False, True, (30, 60, 100, 250)),
            ("log-normal", True, False, (30, 100, 250)),
            ("log-normal, spread follows the order", True, True, (30, 100, 250)),
        )
        for count in counts
    },
    **{
        ("95 % interval of a mean", f"{blocks} blocks", "log-normal" if skewed else "Gaussian"): (
            of_interval(blocks, skewed), 10.0,
        )
        for blocks in (3, 6, 10, 20, 60, 200)
        for skewed in (False, True)
    },
    **{
        ("95 % interval of a ratio of means", f"{blocks} blocks", "log-normal"): (
            of_ratio(blocks), 10.0,
        )
        for blocks in (3, 6, 10, 20, 60, 200)
    },
}  # fmt: skip
"""(test, size, errors) → simulated p-value under the null, and the fraction of simulations run."""


def measured(name: tuple[str, str, str], simulations: int) -> list[str]:
    """One row of the table."""
    simulate, share = TESTS[name]
    count = max(100, round(share * simulations))
    rng = np.random.default_rng([*" ".join(name).encode()])
    found = np.array([simulate(rng) for _ in range(count)])
    cells = []
    for level in LEVELS:
        rejected = int((found <= level + 1e-12).sum())  # an undefined p-value does not reject
        low, high = exact_interval(rejected, count)
        mark = " **above**" if low > level else ""
        cells.append(f"{100 * rejected / count:.2g} [{100 * low:.2g}, {100 * high:.2g}]{mark}")
    if name[0].startswith("95 %"):
        cells[1:] = ["–", "–"]
    return [*name, *cells, f"{count:,}"]


def existing_rows() -> dict[tuple[str, str, str], list[str]]:
    """The rows of the existing table, by test, size and errors."""
    rows = table_cells(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else []
    return {(row[0], row[1], row[2]): row for row in rows}


def write(rows: dict[tuple[str, str, str], list[str]], simulations: int) -> None:
    """Write the table of all rows so far."""
    header = ["test", "size", "errors", "5 %", "1 %", "0.1 %", "simulations"]
    known = [rows[name] for name in TESTS if name in rows]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(
        "# False-positive rates of tests\n\n"
        f"`python -m benchmarks.calibration_of_tests --simulations {simulations}`, row by row with "
        "`--only`. Percentage of simulations under the null hypothesis with a p-value up to the "
        "nominal level of the column, with its exact 95 % interval; **above** if the interval lies "
        "above the level.\n\n"
        f"{markdown_table(header, ['---'] * 3 + ['---:'] * 4, known)}\n",
        encoding="utf-8",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1000, help="of the fastest tests")
    parser.add_argument("--only", default="", help="prefix of the tests to run; keep other rows")
    arguments = parser.parse_args()
    rows = existing_rows()
    for name in TESTS:
        if name[0].startswith(arguments.only) or name not in rows:
            rows[name] = measured(name, arguments.simulations)
            write(rows, arguments.simulations)
            print(" | ".join(rows[name]), flush=True)


if __name__ == "__main__":
    main()
