"""Conformal prediction with blocks of samples as exchangeable units.

Let K calibration blocks and one new block be exchangeable (as whole blocks, without assumptions on
the samples within one), let the score be a function that was fitted to none of them, and let the
new sample be drawn uniformly from its block. Then

    P(score of the new sample ≤ q) ≥ coverage,
    q = the coverage-quantile of Σ_k Σ_i 1 / ((K + 1) N_k) · δ(score_ki)  +  1 / (K + 1) · δ(∞):

each block has the same weight, however many samples N_k it has, and the weight of the new block is
put at infinity. Without ties the probability is at most coverage + 2 / (K + 1). It is an average
over calibrations and samples: it holds neither for each value of a feature nor for each calibration
(whose coverage varies by about √(coverage · (1 − coverage) / K) if the samples of a block are all
similar).

Proof: any of K + 1 exchangeable blocks may be the new one, so its random sample is a draw from the
pooled blocks with these weights; moving one block's scores to infinity can only raise a quantile.
Treating samples as exchangeable would claim far more than K blocks support.

Source: Lee, Barber & Willett, "Distribution-free inference with hierarchical data",
arXiv:2306.06342 (hierarchical conformal prediction), the finite-sample form of "CDF pooling" of
Dunn, Wasserman & Ramdas, "Distribution-free prediction sets for two-layer hierarchical models",
J. Am. Stat. Assoc. 118 (2023), arXiv:1809.07441. Blocks that follow each other in time are
exchangeable only as far as the series is stationary and its memory shorter than a block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats
from saibench.analysis.weighted_quantile import values_reaching
from saibench.errors import UserError

MIN_FITTED_BLOCKS = 4
"""Blocks that the fit of mean and spread needs; fewer leave none for cross-validation."""
MIN_CALIBRATION_BLOCKS = 6
"""Minimum for any coverage; with fewer, a single block decides the bound."""
_ROUNDING = 1e-9


class TooFewBlocks(UserError):
    """The coverage needs more independent blocks."""


def needed_blocks(coverage: float) -> int:
    """Smallest number of calibration blocks with a finite bound: 1/α − 1, rounded up.

    >>> needed_blocks(0.9), needed_blocks(0.95)
    (9, 19)
    """
    return math.ceil(round(coverage / (1 - coverage), 9))


def block_weights(blocks: ArrayLike) -> Floats:
    """1 / (number of blocks · samples of its block) for each sample; they sum to 1."""
    block_of, count = block_numbers(blocks)
    return (1.0 / (count * np.bincount(block_of)))[block_of]


def block_quantile(scores: ArrayLike, blocks: ArrayLike, coverage: float) -> float:
    """The quantile q defined in the docstring of this module.

    Args:
        scores: of the calibration samples, `(samples,)`.
        blocks: a label for each sample.
        coverage: between 0 and 1.

    Raises:
        TooFewBlocks: q would be infinite.
    """
    values = np.asarray(scores, dtype=np.float64)
    return block_quantiles([values], blocks, [coverage])[0][0]


def block_quantiles(
    scores: Sequence[Floats], blocks: ArrayLike, coverages: Sequence[float]
) -> list[list[float]]:
    """`block_quantile` of each of several scores `(samples,)`, at several coverages."""
    block_of, count = block_numbers(blocks)
    for coverage in coverages:
        if count < needed_blocks(coverage):
            raise TooFewBlocks(
                f"coverage {coverage:g} needs {needed_blocks(coverage)} calibration blocks, and "
                f"there are {count}. Use a coverage of at most {_max_coverage(count):g}."
            )
    weights = (1.0 / (count * np.bincount(block_of)))[block_of] * count / (count + 1)
    targets = [coverage - _ROUNDING for coverage in coverages]
    return [values_reaching(values, weights, targets) for values in scores]


def calibration_blocks(
    blocks: ArrayLike, coverage: float, seed: int | Sequence[int]
) -> NDArray[np.bool_]:
    """Mask of the calibration samples: two thirds of the blocks, or more for a high coverage.

    Whole blocks are drawn at random. A mean and a spread need fewer blocks than a bound.

    Raises:
        TooFewBlocks: fewer than `MIN_FITTED_BLOCKS` would remain.
    """
    block_of, number = block_numbers(blocks)
    needed = max(MIN_CALIBRATION_BLOCKS, needed_blocks(coverage))
    if number < needed + MIN_FITTED_BLOCKS:
        rest = number - MIN_FITTED_BLOCKS
        enough = rest >= MIN_CALIBRATION_BLOCKS
        remedy = f"a coverage of at most {_max_coverage(rest):g}" if enough else "more data"
        raise TooFewBlocks(
            f"coverage {coverage:g} needs {needed} independent blocks for the calibration and "
            f"{MIN_FITTED_BLOCKS} for the fit, and the data have {number}. Use {remedy}."
        )
    count = max(needed, min(number * 2 // 3, number - MIN_FITTED_BLOCKS))
    calibrates = np.zeros(number, dtype=bool)
    calibrates[np.random.default_rng(seed).permutation(number)[:count]] = True
    return calibrates[block_of]


def _max_coverage(num_blocks: int) -> float:
    """The largest coverage with a finite bound, rounded down to percent."""
    return math.floor(100 * max(num_blocks, 0) / (max(num_blocks, 0) + 1) + _ROUNDING) / 100
