"""How well a score, such as a bound, ranks samples by their error, with intervals by block.

Both numbers depend on the order of all samples, so they are no functions of means; the delete-one
jackknife over blocks holds for them too, since they are smooth functionals of the distribution
(Shao, Tu, The Jackknife and Bootstrap, 1995, §2.2; of the area under the ROC curve: Arvesen, Ann.
Math. Stat. 40, 1969).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.bootstrap import Floats, Interval, jackknife_cumulants, mean_interval

CURVE_POINTS = 101
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The mean error of the samples that are kept if those of the largest score are rejected.

    Args:
        kept: shares of kept samples, ascending to 1, `(n,)`.
        risk: mean error of the kept samples, `(n,)`.
        ideal: the same if samples were rejected in the order of their true error.
        random: mean error of all samples, which a random order has at any share.
        area: (random − A) / (random − ideal A), with A the area under the curve: 0 for a random
            order, 1 for the ideal one, and negative if large errors are kept first. NaN if all
            errors are equal.
    """

    kept: Floats
    risk: Floats
    ideal: Floats
    random: float
    area: Interval


def risk_coverage(scores: ArrayLike, errors: ArrayLike, blocks: ArrayLike) -> RiskCoverage:
    """The risk–coverage curve of scores. Samples of equal score share their mean error.

    The area is (1/n) Σ_k (mean error of the k samples of smallest score).

    Source: Geifman, El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017,
    arXiv:1705.08500; Ding et al., "Revisiting the evaluation of uncertainty estimation and its
    application to explore model complexity-uncertainty trade-off", CVPR workshops 2020.

    Args:
        scores, errors, blocks: `(samples,)`, finite.
    """
    score, error = np.asarray(scores, np.float64), np.asarray(errors, np.float64)
    labels, block_of = np.unique(np.asarray(blocks), return_inverse=True)
    by_score, by_error = (_Sorted.of(one, error, block_of) for one in (score, error))

    def area(without: int | None) -> float:
        own, ideal = (one.risks(without) for one in (by_score, by_error))
        if not len(own) or ideal[-1] - ideal[0] <= ROUNDING * ideal[-1]:  # equal errors
            return math.nan
        random = ideal[-1]
        return float((random - own.mean()) / (random - ideal.mean()))

    at = np.unique(np.ceil(np.linspace(0, 1, CURVE_POINTS)[1:] * len(error)).astype(int))
    return RiskCoverage(
        kept=at / len(error),
        risk=by_score.risks()[at - 1],
        ideal=by_error.risks()[at - 1],
        random=float(error.mean()),
        area=_jackknife(area, len(labels), len(error)),
    )


def auroc(scores: ArrayLike, positive: ArrayLike, blocks: ArrayLike) -> Interval:
    """Area under the ROC curve: P(score of a positive sample > that of a negative one), ties ½.

    Args:
        scores, blocks: `(samples,)`.
        positive: bool `(samples,)`.

    Returns:
        NaN if no sample is positive, or all are.
    """
    score, is_positive = np.asarray(scores, np.float64), np.asarray(positive, bool)
    labels, block_of = np.unique(np.asarray(blocks), return_inverse=True)
    number = len(labels)
    wins = np.zeros((number, number))
    of_positive, positives = block_of[is_positive], score[is_positive]
    for block in range(number):
        negatives = np.sort(score[~is_positive & (block_of == block)])
        below = np.searchsorted(negatives, positives, "left")
        not_above = np.searchsorted(negatives, positives, "right")
        wins[:, block] = np.bincount(of_positive, (below + not_above) / 2, minlength=number)
    counts = [np.bincount(block_of[one], minlength=number) for one in (is_positive, ~is_positive)]

    def area(without: int | None) -> float:
        kept = np.arange(number) != without
        pairs = counts[0][kept].sum() * counts[1][kept].sum()
        return float(wins[np.ix_(kept, kept)].sum() / pairs) if pairs else math.nan

    return _jackknife(area, number, len(score)).within(0.0, 1.0)


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Errors and blocks in ascending order of a score, and the group of equal scores of each.

    `tie` is None if no two errors of equal score differ.
    """

    errors: Floats
    blocks: NDArray[np.intp]
    tie: NDArray[np.intp] | None

    @classmethod
    def of(cls, score: Floats, errors: Floats, blocks: NDArray[np.intp]) -> _Sorted:
        order = np.argsort(score, kind="stable")
        distinct, tie = np.unique(score[order], return_inverse=True)
        ties = score is not errors and len(distinct) < len(score)
        return cls(errors[order], blocks[order], tie if ties else None)

    def risks(self, without: int | None = None) -> Floats:
        """Mean error of the first k = 1 … n samples, of all or of those outside a block."""
        kept = slice(None) if without is None else self.blocks != without
        errors = self.errors[kept]
        if self.tie is not None:
            tie = self.tie[kept]
            with np.errstate(invalid="ignore"):  # of groups without a sample
                means = np.bincount(tie, errors) / np.bincount(tie)
            errors = means[tie]
        return np.cumsum(errors) / np.arange(1, len(errors) + 1)


def _jackknife(statistic: Callable[[int | None], float], num_blocks: int, count: int) -> Interval:
    """Interval of a statistic of all samples (None), or of those without one block."""
    estimate = statistic(None)
    without = np.array([statistic(block) for block in range(num_blocks)])
    return mean_interval(estimate, jackknife_cumulants(estimate, without), num_blocks, count)
