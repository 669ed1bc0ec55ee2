"""Whether tracing may take the blocks of a trusted range, by simulation.

    python -m benchmarks.blocks_of_tracing [--simulations 300] [--print]

Errors that drift, and a feature that drifts on its own: how often tests with the blocks of the
residuals given the features find a correlation of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars

from benchmarks.simulation import ar1, markdown_table, page_command
from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Floats
from saibench.analysis.proportions import exact_interval
from saibench.analysis.rank_correlation import ranks_of
from saibench.analysis.tracing.permutations import correlation_p_values
from saibench.analysis.tracing.reading import MIN_BLOCKS
from saibench.analysis.trusted_range.stretches import sample_blocks
from saibench.evidence.independence import ORDER_COLUMN

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/tracing.md"
COUNT = 400
LEVEL = 0.05
PERMUTATIONS = 199
Case = tuple[Floats, Floats, Floats]
"""A feature, another one without an effect on the error, and the error, `(COUNT,)` each."""


def _walk(rng: np.random.Generator) -> Floats:
    return 2 * np.cumsum(rng.standard_normal(COUNT)) / np.sqrt(COUNT)


def _drift(of: Callable[[Floats], Floats], memory: float | None = None) -> Callable[..., Case]:
    """An error that is a function of a feature that grows with time."""

    def case(rng: np.random.Generator) -> Case:
        feature = np.linspace(0, 1, COUNT) + 0.07 * rng.standard_normal(COUNT)
        other = _walk(rng) if memory is None else ar1(rng, COUNT, memory)
        return feature, other, np.exp(of(feature) + 0.3 * rng.standard_normal(COUNT))

    return case


def _unseen(of: Callable[[np.random.Generator], Floats]) -> Callable[..., Case]:
    """An error whose drift no feature explains."""

    def case(rng: np.random.Generator) -> Case:
        return _walk(rng), _walk(rng), np.exp(of(rng) + 0.3 * rng.standard_normal(COUNT))

    return case


CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    "grows with a feature, other AR(1) of 60 samples": _drift(lambda one: 2 * one, 0.983),
    "grows with a feature, other a random walk": _drift(lambda one: 2 * one),
    "is largest in the middle of a feature": _drift(lambda one: -8 * (one - 0.5) ** 2),
    "is a wave of a feature": _drift(lambda one: np.sin(9 * one)),
    "grows with time alone": _unseen(lambda _: np.linspace(0, 2, COUNT)),
    "is a random walk of its own": _unseen(_walk),
}


def measured(name: str, simulations: int) -> list[str]:
    blocks, found = [], np.zeros(2, dtype=int)
    by_errors = 0
    for number in range(simulations):
        feature, other, error = CASES[name](np.random.default_rng([number, len(name)]))
        time = np.arange(COUNT)
        columns = {"sample_id": time, ORDER_COLUMN: 1.0 * time, "a": feature, "b": other}
        rows = polars.DataFrame({**columns, "error": error})
        by_errors += find_blocks(rows, error).num_blocks >= MIN_BLOCKS
        estimated = sample_blocks(rows, "error", ["a", "b"]).estimated
        if estimated < MIN_BLOCKS:
            continue
        blocks.append(estimated)
        ranks = ranks_of(np.column_stack([error, feature, other]))
        p_values = correlation_p_values(ranks, max(1, round(COUNT / estimated)), PERMUTATIONS)
        found += [one[1] <= LEVEL for one in p_values]
    return [
        name,
        f"{100 * by_errors / simulations:.0f}",
        f"{100 * len(blocks) / simulations:.0f}",
        f"{np.median(blocks):.0f}" if blocks else "–",
        *(_share(int(one), len(blocks)) for one in found),
    ]


def _share(significant: int, of: int) -> str:
    if not of:
        return "–"
    low, high = exact_interval(significant, of)
    return f"{100 * significant / of:.0f} [{100 * low:.0f}, {100 * high:.0f}]"


def page(simulations: int) -> str:
    header = [
        "the error", "traced by its own blocks [%]", "by those of residuals [%]", "blocks",
        "false ρ [%]", "false partial ρ [%]",
    ]  # fmt: skip
    rows = [measured(name, simulations) for name in CASES]
    return (
        "# Blocks of tracing\n\n"
        f"`python -m benchmarks.blocks_of_tracing --simulations {simulations}`: {COUNT} samples in "
        "time with two features, of which one has no effect on the error but drifts. *Traced*: so "
        f"often there are at least {MIN_BLOCKS} blocks of the error itself, as tracing asks for, "
        "or of its residuals given both features, as a trusted range has them (median: *blocks*). "
        "*False*: so often, where the latter are enough, a permutation test in pieces of them "
        "finds a correlation with the feature without an effect, at a level of 5 %; *partial*: "
        "controlling for the other feature.\n\n"
        f"{markdown_table(header, ['---', *['---:'] * 5], rows)}\n\n"
        "A bound may use the residuals: it is wrong by what they are. A correlation of two series "
        "that drift is tested by how often drifts agree by chance, whatever is left of them. "
        "Controlling for the cause of the drift keeps the level only if that cause is among the "
        "features and the error grows with it, which is what a trace is to find out. So tracing "
        "asks for independent blocks of the error itself, and refuses where a trusted range need "
        "not.\n"
    )


if __name__ == "__main__":
    page_command(page, TARGET, 300, __doc__)
