"""Conformal prediction where the exchangeable unit is a block of samples, not a sample.

Let K calibration blocks and one new block be exchangeable (whole blocks; nothing is asked of the
samples within one), let a score be a function that was fitted on none of them, and let the new
sample be any one of its block with equal probability. Then

    P(score of the new sample ≤ q) ≥ coverage,
    q = the coverage-quantile of Σ_k Σ_i 1 / ((K + 1) N_k) · δ(score_ki)  +  1 / (K + 1) · δ(∞):

each block weighs the same, however many samples N_k it has, and the new block's own weight is put
at infinity. Where scores do not tie, the probability is at most coverage + 2 / (K + 1). It is an
average over calibrations and over samples: neither a promise for each value of a feature nor for
one calibration (whose coverage spreads by about √(coverage · (1 − coverage) / K), if the samples
of a block are all alike).

Why: of K + 1 exchangeable blocks any may be the new one, so its random sample is a draw from the
pooled blocks with these weights; moving one block's scores to infinity can only raise a quantile.
Treating samples as exchangeable instead would claim far more than K blocks can tell.

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

from saibench.analysis.bootstrap import Floats
from saibench.errors import UserError

MIN_FITTED_BLOCKS = 4
"""Blocks that mean and spread are fitted on, at least: fewer leave none to choose them by."""
MIN_CALIBRATION_BLOCKS = 6
"""Whatever the coverage: of fewer, one more or less moves the bound from one end to the other."""
_ROUNDING = 1e-9


class TooFewBlocks(UserError):
    """A coverage that these blocks cannot hold."""


def needed_blocks(coverage: float) -> int:
    """Calibration blocks below which no finite bound has this coverage: 1/α − 1, rounded up.

    >>> needed_blocks(0.9), needed_blocks(0.95)
    (9, 19)
    """
    return math.ceil(round(coverage / (1 - coverage), 9))


def block_weights(blocks: ArrayLike) -> Floats:
    """1 / (number of blocks · samples of its block) for each sample; they sum to 1."""
    _, block_of, counts = np.unique(np.asarray(blocks), return_inverse=True, return_counts=True)
    return 1.0 / (len(counts) * counts[block_of])


def block_quantile(scores: ArrayLike, blocks: ArrayLike, coverage: float) -> float:
    """The q of this module's first lines.

    Args:
        scores: of the calibration samples, `(samples,)`.
        blocks: a label for each sample.
        coverage: between 0 and 1.

    Raises:
        TooFewBlocks: q would be infinite.
    """
    scores = np.asarray(scores, dtype=np.float64)
    num_blocks = len(np.unique(np.asarray(blocks)))
    if num_blocks < needed_blocks(coverage):
        raise TooFewBlocks(
            f"coverage {coverage:g} takes {needed_blocks(coverage)} calibration blocks, and there "
            f"are {num_blocks}; a coverage of at most {_held_by(num_blocks):g} would work."
        )
    order = np.argsort(scores, kind="stable")
    weights = block_weights(blocks)[order] * num_blocks / (num_blocks + 1)
    reached = np.searchsorted(np.cumsum(weights), coverage - _ROUNDING)
    return float(scores[order[min(int(reached), len(order) - 1)]])


def calibration_blocks(
    blocks: ArrayLike, coverage: float, seed: int | Sequence[int]
) -> NDArray[np.bool_]:
    """Which samples calibrate: those of two thirds of the blocks, or of as many as it takes.

    Whole blocks are drawn at random. A mean and a spread need fewer of them than a bound does.

    Raises:
        TooFewBlocks: the rest would be fewer than `MIN_FITTED_BLOCKS`.
    """
    labels, block_of = np.unique(np.asarray(blocks), return_inverse=True)
    needed = max(MIN_CALIBRATION_BLOCKS, needed_blocks(coverage))
    if len(labels) < needed + MIN_FITTED_BLOCKS:
        rest = len(labels) - MIN_FITTED_BLOCKS
        enough = rest >= MIN_CALIBRATION_BLOCKS
        works = f"a coverage of at most {_held_by(rest):g}" if enough else "more blocks"
        raise TooFewBlocks(
            f"a bound of coverage {coverage:g} takes {needed} independent blocks to be calibrated "
            f"on and {MIN_FITTED_BLOCKS} others to be fitted on, and the data have "
            f"{len(labels)}; {works} would work."
        )
    count = max(needed, min(len(labels) * 2 // 3, len(labels) - MIN_FITTED_BLOCKS))
    drawn = np.random.default_rng(seed).permutation(len(labels))[:count]
    return np.isin(block_of, drawn)


def _held_by(num_blocks: int) -> float:
    """The largest coverage that so many calibration blocks hold, rounded down to percent."""
    return math.floor(100 * max(num_blocks, 0) / (max(num_blocks, 0) + 1) + _ROUNDING) / 100
