"""How well a score, such as a bound, ranks samples by their error, with intervals by block.

Both numbers depend on the order of all samples, so they are no functions of means; the delete-one
jackknife over blocks holds for them too, since they are smooth functionals of the distribution
(Shao, Tu, The Jackknife and Bootstrap, 1995, §2.2; of the area under the ROC curve: Arvesen, Ann.
Math. Stat. 40, 1969).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.block_numbers import block_numbers, rows_by_block
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

    ideal, given = by_error.summed_risks(before, number), by_score.summed_risks(before, number)

    def area(without: int | None) -> float:
        at = number if without is None else without
        count, total, least = ideal.counts[at], ideal.totals[at], ideal.least[at]
        if not count or total / count - least <= ROUNDING * total / count:
            return math.nan  # equal errors
        return float((total - given.risks[at]) / (total - ideal.risks[at]))

    at = np.unique(np.ceil(np.linspace(0, 1, CURVE_POINTS)[1:] * len(error)).astype(int))
    return RiskCoverage(
        kept=at / len(error),
        risk=_running_means(by_score.errors)[at - 1],
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
            _by_block(above, block_of, number),
            _by_block(below, block_of, number),
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
    rows: NDArray[np.intp], block_of: NDArray[np.intp], number: int
) -> list[NDArray[np.intp]]:
    """The rows of each block, in their order."""
    order, starts = rows_by_block(block_of[rows], number)
    return np.split(rows[order], starts[1:])


def _running_means(values: Floats) -> Floats:
    """Mean of the first k = 1 … n values."""
    return np.cumsum(values) / np.arange(1, len(values) + 1)


@dataclass(frozen=True, eq=False)
class _Sorted:
    """Errors and blocks in ascending order of a score.

    Args:
        errors: `(n,)`; of samples of equal score their mean.
        blocks: `(n,)`.
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
        return cls(own if ties is None else ties.means, numbers, ties)

    def summed_risks(self, before: Floats, num_blocks: int) -> _Risks:
        """The sums of all samples, and of those without each block.

        They are added up over parts that fit into a processor's cache, which is several times as
        fast.

        Args:
            before: Σ 1/k over k ≤ i, for i from 0 to n, `(n + 1,)`.
        """
        counts = np.zeros(num_blocks + 1, dtype=np.intp)
        totals, weighed = np.zeros(num_blocks + 1), np.zeros(num_blocks + 1)
        least = np.full(num_blocks + 1, np.nan)
        for start in range(0, len(self.errors), PART):
            errors, blocks = self.errors[start : start + PART], self.blocks[start : start + PART]
            for at in range(num_blocks + 1):
                own = errors
                if at < num_blocks:
                    own = own if self.ties is None else self.ties.without(at, own, start)
                    own = own[blocks != at]
                if len(own):
                    least[at] = own[0] if not counts[at] else least[at]
                    totals[at] += own.sum()
                    weighed[at] += own @ before[counts[at] : counts[at] + len(own)]
                    counts[at] += len(own)
        return _Risks(counts, totals, least, totals * before[counts] - weighed)


@dataclass(frozen=True, eq=False)
class _Risks:
    """Sums of sorted errors without each block, and last of all, `(blocks + 1,)`.

    Args:
        counts, totals: number and sum of the errors.
        least: the first error; NaN without any.
        risks: Σ_k (mean of the first k) = Σ_i e_i Σ_{k ≥ i} 1/k.
    """

    counts: NDArray[np.intp]
    totals: Floats
    least: Floats
    risks: Floats


@dataclass(frozen=True, eq=False)
class _Ties:
    """Groups of samples of equal score.

    Args:
        means: `(n,)`, the mean error of each sample's group.
        shared: by block, of the groups that have samples of it and others, ascending: the first
            sample, the end, and the mean error of the others, `(groups,)` each.
    """

    means: Floats
    shared: Sequence[tuple[NDArray[np.intp], NDArray[np.intp], Floats]]

    @classmethod
    def of(cls, score: Floats, errors: Floats, blocks: NDArray) -> _Ties | None:
        """The groups of samples in ascending order of the score; None if no two are equal."""
        group = np.cumsum(np.diff(score, prepend=score[:1]) > 0, dtype=np.int32)
        if group[-1] + 1 == len(group):
            return None
        sums, counts = np.bincount(group, errors).astype(np.float64), np.bincount(group)
        ends = np.cumsum(counts)
        shared = []
        for rows in _by_block(np.arange(len(group)), blocks, int(blocks.max()) + 1):
            used, place = np.unique(group[rows], return_inverse=True)
            of_block, own = np.bincount(place, errors[rows]), np.bincount(place)
            others = counts[used] > own
            used, of_block, own = used[others], of_block[others], own[others]
            means = (sums[used] - of_block) / (counts[used] - own)
            shared.append((ends[used] - counts[used], ends[used], means))
        return cls(np.repeat(sums / counts, counts), shared)

    def without(self, block: int, errors: Floats, start: int) -> Floats:
        """The errors of the samples from `start` on, with the means of groups without a block."""
        starts, ends, means = self.shared[block]
        first = np.searchsorted(ends, start, "right")
        last = np.searchsorted(starts, start + len(errors))
        if first >= last:
            return errors
        begin = np.maximum(starts[first:last] - start, 0)
        sizes = np.minimum(ends[first:last] - start, len(errors)) - begin
        rows = np.arange(sizes.sum()) + np.repeat(begin - np.cumsum(sizes) + sizes, sizes)
        changed = errors.copy()
        changed[rows] = np.repeat(means[first:last], sizes)
        return changed


def _jackknife(statistic: Callable[[int | None], float], num_blocks: int, count: int) -> Interval:
    """Interval of a statistic of all samples (None), or of those without one block."""
    estimate = statistic(None)
    without = np.array([statistic(block) for block in range(num_blocks)])
    return mean_interval(estimate, jackknife_cumulants(estimate, without), num_blocks, count)
