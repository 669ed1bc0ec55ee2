"""How well a score, such as a bound, ranks samples by their error, with intervals by block.

Both numbers depend on the order of all samples, so they are no functions of means; the delete-one
jackknife over blocks holds for them too, since they are smooth functionals of the distribution
(Shao, Tu, The Jackknife and Bootstrap, 1995, §2.2; of the area under the ROC curve: Arvesen, Ann.
Math. Stat. 40, 1969).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.block_numbers import block_numbers
from saibench.analysis.bootstrap import Floats, Interval, jackknife_cumulants, mean_interval

CURVE_POINTS = 101
ROUNDING = 1e-12
PART = 30_000


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
    block_of, number = block_numbers(blocks)
    by_score, by_error = (_Sorted.of(one, error, block_of) for one in (score, error))
    before = np.append(0.0, np.cumsum(1 / np.arange(1, len(error) + 1)))

    def summed_risk(sorted_errors: _Sorted, without: int | None) -> tuple[int, float, float]:
        """Number and sum of the errors, and Σ_k (mean of the first k) = Σ_i e_i Σ_{k ≥ i} 1/k."""
        count, total, weighed = 0, 0.0, 0.0
        for part in sorted_errors.parts(without):
            total += float(part.sum())
            weighed += float(part @ before[count : count + len(part)])
            count += len(part)
        return count, total, total * float(before[count]) - weighed

    def area(without: int | None) -> float:
        count, total, ideal = summed_risk(by_error, without)
        least = next((part[0] for part in by_error.parts(without) if len(part)), math.nan)
        if not count or total / count - least <= ROUNDING * total / count:
            return math.nan  # equal errors
        return (total - summed_risk(by_score, without)[2]) / (total - ideal)

    at = np.unique(np.ceil(np.linspace(0, 1, CURVE_POINTS)[1:] * len(error)).astype(int))
    return RiskCoverage(
        kept=at / len(error),
        risk=_running_means(np.concatenate([*by_score.parts()]))[at - 1],
        ideal=_running_means(by_error.errors)[at - 1],
        random=float(error.mean()),
        area=_jackknife(area, number, len(error)),
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
    block_of, number = block_numbers(blocks)
    order = np.argsort(score)
    above, below = (order[is_positive[order]], order[~is_positive[order]])
    positives, negatives = (
        np.bincount(block_of[rows], minlength=number) for rows in (above, below)
    )
    of_positives = np.bincount(block_of[above], _wins(score[above], score[below]), minlength=number)
    of_negatives = np.bincount(
        block_of[below], len(above) - _wins(score[below], score[above]), minlength=number
    )
    within = np.zeros(number)
    for block, (own, others) in enumerate(
        zip(
            _by_block(above, block_of, positives),
            _by_block(below, block_of, negatives),
            strict=True,
        )
    ):
        within[block] = _wins(score[own], score[others]).sum()
    wins, pairs = of_positives.sum(), len(above) * len(below)

    def area(without: int | None) -> float:
        won, of = wins, pairs
        if without is not None:
            won += within[without] - of_positives[without] - of_negatives[without]
            of = int(len(above) - positives[without]) * int(len(below) - negatives[without])
        return float(won / of) if of else math.nan

    return _jackknife(area, number, len(score)).within(0.0, 1.0)


def _wins(scores: Floats, others: Floats) -> Floats:
    """Number of others that each score exceeds, ties ½; both ascend."""
    left, right = (np.searchsorted(others, scores, side) for side in ("left", "right"))
    return (left + right) / 2


def _by_block(
    rows: NDArray[np.intp], block_of: NDArray[np.intp], counts: NDArray[np.intp]
) -> list[NDArray[np.intp]]:
    """The rows of each block, in their order."""
    grouped = rows[np.argsort(block_of[rows], kind="stable")]
    return np.split(grouped, np.cumsum(counts)[:-1])


def _running_means(values: Floats) -> Floats:
    """Mean of the first k = 1 … n values."""
    return np.cumsum(values) / np.arange(1, len(values) + 1)


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Errors and blocks in ascending order of a score.

    Args:
        errors, blocks: `(n,)`.
        ties: None if all scores differ, or if they are the errors.
    """

    errors: Floats
    blocks: NDArray[np.unsignedinteger]
    ties: _Ties | None

    @classmethod
    def of(cls, score: Floats, errors: Floats, blocks: NDArray[np.intp]) -> _Sorted:
        order = np.argsort(score)
        own, smallest = errors[order], np.min_scalar_type(int(blocks.max(initial=0)))
        numbers = blocks[order].astype(smallest)  # compared with each block
        ties = None if score is errors else _Ties.of(score[order], own, numbers)
        return cls(own, numbers, ties)

    def parts(self, without: int | None = None) -> Iterator[Floats]:
        """The errors of all samples, or of those outside a block, in parts; ties have their mean.

        Parts that fit into a processor's cache are several times as fast.
        """
        means = None if self.ties is None else self.ties.means(without)
        for start in range(0, len(self.errors), PART):
            own = slice(start, start + PART)
            kept = slice(None) if without is None else self.blocks[own] != without
            if self.ties is None or means is None:
                yield self.errors[own][kept]
            else:
                yield means[self.ties.group[own][kept]]


@dataclass(frozen=True, eq=False)
class _Ties:
    """Groups of samples of equal score.

    Args:
        group: `(n,)` ascending.
        sums, counts: of the errors of each group, `(groups,)`.
        of_block: by block, its groups, and its sums and counts there.
    """

    group: NDArray[np.int32]
    sums: Floats
    counts: NDArray[np.intp]
    of_block: Sequence[tuple[NDArray, NDArray, NDArray]]

    @classmethod
    def of(cls, score: Floats, errors: Floats, blocks: NDArray) -> _Ties | None:
        """The groups of samples in ascending order of the score; None if no two are equal."""
        group = np.cumsum(np.diff(score, prepend=score[:1]) > 0, dtype=np.int32)
        if group[-1] + 1 == len(group):
            return None
        parts = []
        for rows in _by_block(np.arange(len(group)), blocks, np.bincount(blocks)):
            used, place = np.unique(group[rows], return_inverse=True)
            parts.append((used, np.bincount(place, errors[rows]), np.bincount(place)))
        sums = np.bincount(group, errors).astype(np.float64)
        return cls(group, sums, np.bincount(group), parts)

    def means(self, without: int | None = None) -> Floats:
        """Mean error of each group, `(groups,)`, of all samples or of those outside a block."""
        if without is None:
            return self._means
        means = self._means.copy()
        used, sums, counts = self.of_block[without]
        with np.errstate(invalid="ignore"):  # of groups without another sample
            means[used] = (self.sums[used] - sums) / (self.counts[used] - counts)
        return means

    @cached_property
    def _means(self) -> Floats:
        return self.sums / self.counts


def _jackknife(statistic: Callable[[int | None], float], num_blocks: int, count: int) -> Interval:
    """Interval of a statistic of all samples (None), or of those without one block."""
    estimate = statistic(None)
    without = np.array([statistic(block) for block in range(num_blocks)])
    return mean_interval(estimate, jackknife_cumulants(estimate, without), num_blocks, count)
