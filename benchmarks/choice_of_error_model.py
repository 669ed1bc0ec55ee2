"""What a trusted range loses if its candidates compete on more blocks than it is fitted to.

    python -m benchmarks.choice_of_error_model [--simulations 40] [--print]

Errors of blocks of six samples depend on four features as each process says. Features and error
model are chosen by candidates that are fitted to a third of the blocks, as the range is, or to two
thirds. Both choices are then fitted and calibrated in the same splits, and judged on new blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation import markdown_table, page_command
from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range import competition
from saibench.analysis.trusted_range.splits import Choice, bounded, choose, fit_splits

TARGET = Path(__file__).resolve().parents[1] / "docs/results/statistics/choice.md"
COVERAGE = 0.9
SAMPLES = 6
"""Of a block."""
NEW = 200
"""Blocks that a bound is judged on."""
TOLERANCE = 0.8
"""As a share of the bound without features, so that no sample is trusted without them."""
SPLITS = 5
"""Of the blocks; the bound is the median of theirs."""
BLOCKS = (30, 90)
PROCESSES: dict[str, Callable[[Floats], Floats]] = {
    "one, log-linear": lambda x: 0.6 * x[:, 0],
    "one, a step": lambda x: 1.2 * (x[:, 0] > 0.5),
    "two, each with a hinge": lambda x: 0.8 * np.maximum(x[:, :2], 0).sum(axis=1),
}
"""The expected logarithm of an error, from four features `(samples, 4)` of unit variance."""


def simulated(
    rng: np.random.Generator, process: str, num_blocks: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Features, errors and blocks; samples of a block are alike."""
    blocks = np.repeat(np.arange(num_blocks), SAMPLES)
    of_block = rng.standard_normal((num_blocks, 5))[blocks]
    of_sample = rng.standard_normal((len(blocks), 5))
    features = 0.6 * of_block[:, :4] + 0.8 * of_sample[:, :4]
    noise = 0.5 * of_block[:, 4] + 0.85 * of_sample[:, 4]
    return np.exp(0.5 * features), np.exp(PROCESSES[process](features) + 0.4 * noise), blocks


@contextmanager
def fitted_to_most_blocks() -> Iterator[None]:
    """Let candidates be fitted to two thirds of the blocks, and predict one third."""
    own = competition._fits

    def complements(*arguments: object) -> list[NDArray[np.bool_]]:
        return [~mask for mask in own(*arguments)]  # type: ignore[arg-type]

    with mock.patch.object(competition, "_fits", complements):
        yield


def judged(process: str, num_blocks: int, number: int) -> list[tuple[float, float]]:
    """Loss and share of recognised samples of the choice by two thirds, and by a third."""
    features, errors, blocks = simulated(
        np.random.default_rng([num_blocks, number]), process, num_blocks
    )
    new, new_errors, _ = simulated(np.random.default_rng([num_blocks, number, 1]), process, NEW)
    with fitted_to_most_blocks():
        by_most = choose(features, errors, blocks, COVERAGE)
    found: dict[Choice, tuple[float, float]] = {}
    choices = [by_most, choose(features, errors, blocks, COVERAGE)]
    for choice in {*choices}:
        fits = fit_splits(features, errors, blocks, COVERAGE, choice=choice, num=SPLITS)[COVERAGE]
        upper = bounded(fits, new)[0]
        plain = float(np.median([split.unconditional for split in fits]))
        good = new_errors <= TOLERANCE * plain
        found[choice] = (
            _loss(new_errors, upper) / _loss(new_errors, plain),
            float((upper[good] <= TOLERANCE * plain).mean()),
        )
    return [found[choice] for choice in choices]


def _loss(errors: Floats, bounds: Floats | float) -> float:
    return float(competition.pinball(errors, bounds, COVERAGE).mean())


def measured(process: str, num_blocks: int, simulations: int) -> list[str]:
    """One row of the table."""
    by_most, by_as_many = np.array([
        judged(process, num_blocks, number) for number in range(simulations)
    ]).transpose(1, 0, 2)  # fmt: skip
    difference = by_as_many[:, 0] - by_most[:, 0]
    error = difference.std(ddof=1) / np.sqrt(simulations)
    cells = [process, str(num_blocks)]
    for one in (by_most, by_as_many):
        recognised = 100 * one[:, 1]
        cells += [
            f"{one[:, 0].mean():.3f}",
            f"{recognised.mean():.1f}",
            f"{100 * np.mean(recognised < 1):.0f}",
        ]
    return [*cells, f"{difference.mean():+.3f} ± {error:.3f}"]


def page(simulations: int) -> str:
    rows = [
        measured(process, num_blocks, simulations) for process in PROCESSES for num_blocks in BLOCKS
    ]
    header = [
        *("error depends on", "blocks"),
        *("two thirds: loss", "recognised [%]", "none [%]"),
        *("one third: loss", "recognised [%]", "none [%]"),
        "difference of losses",
    ]
    return (
        "# On how many blocks features and error models compete\n\n"
        f"`python -m benchmarks.choice_of_error_model --simulations {simulations}`: {simulations} "
        f"simulations per row, {SAMPLES} samples a block, four features. Candidates are fitted to "
        "two thirds of the blocks, or to one third, as the range itself is. Loss: pinball loss at "
        f"{100 * COVERAGE:g} % of the range that is fitted with the chosen one, on {NEW} new "
        "blocks, relative to a bound without features. Recognised: share of new samples within "
        f"a tolerance of {TOLERANCE:g} × that bound that are trusted. None: how often it is less "
        "than 1 %. The last column is one third minus two thirds, with its standard error.\n\n"
        f"{markdown_table(header, ['---', *['---:'] * (len(header) - 1)], rows)}\n"
    )


if __name__ == "__main__":
    page_command(page, TARGET, 40, __doc__, of="simulations")
