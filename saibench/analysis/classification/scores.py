"""Scores of a two-class classifier, with intervals from resampling samples.

Samples of label 1 are signal, those of label 0 background. Every score is a sum of means over
groups of samples, so sums over blocks of samples suffice to resample it: an accuracy is one mean;
a balanced accuracy is half of each class's mean; the area under a ROC curve is the mean rank of a
signal sample among the background, and its interval is that of DeLong's components (DeLong, DeLong,
Clarke-Pearson, Biometrics 44, 1988), which scikit-learn does not give.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from saibench.analysis.bootstrap import Floats, Interval, jackknife_cumulants, mean_interval
from saibench.analysis.proportions import combined, share_interval
from saibench.analysis.seeds import with_seeds

MIN_SAMPLES = 20
"""Samples of each class that a claim needs: intervals of fewer miss too often."""

Reduce = Callable[[Floats], Floats]
"""`(resamplings, scores)` → one number a resampling."""


@dataclass(frozen=True, eq=False)
class ClassScore:
    """`offset` + Σ over groups of `factors` × the group's mean, in sums over B blocks.

    Args:
        sums: `(B, G)` sums of the values in a block.
        counts: `(B, G)` numbers of values.
        factors: `(G,)`.
        offset: a constant.
        num_signal, num_background: samples of either class.
        smallest, largest: limits of the score, to which its interval is clipped.
        share: whether the values are declared to be 0 or 1, or means of such over seeds.
        independent: whether the samples within a block are independent.
        points: runs that scored the samples, one per seed; empty if the score needs no net.
        of_seeds: the same score of each run alone.
    """

    sums: Floats
    counts: Floats
    factors: Floats
    offset: float
    num_signal: int
    num_background: int
    smallest: float = -math.inf
    largest: float = math.inf
    share: bool = False
    independent: bool = True
    points: tuple[str, ...] = ()
    of_seeds: tuple[ClassScore, ...] = ()

    def of_totals(self, sums: Floats, counts: Floats) -> Floats:
        """The score from resampled totals `(R, G)`; NaN where a group is empty."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return (sums / counts) @ self.factors + self.offset

    @property
    def estimate(self) -> float:
        totals = self.sums.sum(axis=0)[None], self.counts.sum(axis=0)[None]
        return float(self.of_totals(*totals)[0])

    @property
    def count(self) -> int:
        return self.num_signal + self.num_background

    @property
    def has_few_samples(self) -> bool:
        """Whether a class has too few samples for a claim."""
        return min(self.num_signal, self.num_background) < MIN_SAMPLES


def mean_score(
    values: Floats,
    label: ArrayLike,
    blocks: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None = None,
    *,
    share: bool = False,
) -> ClassScore:
    """The mean of one value per sample, over all samples or those `chosen`.

    Args:
        share: whether the values are declared to be 0 or 1.
    """
    return _score(values, label, blocks, chosen, [(None, 1.0)], share)


def class_mean_score(
    values: Floats,
    label: ArrayLike,
    blocks: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None = None,
    factors: tuple[float, float] = (0.5, 0.5),
    *,
    share: bool = False,
) -> ClassScore:
    """`factors` × the means over signal and background; by default the balanced mean."""
    classes = [(one, factor) for one, factor in zip((1, 0), factors, strict=True) if factor]
    return _score(values, label, blocks, chosen, classes, share)


def auc_score(
    components: Floats,
    label: ArrayLike,
    blocks: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None = None,
) -> ClassScore:
    """Area under the ROC curve from its `auc_components`; NaN if a class is absent."""
    score = class_mean_score(components, label, blocks, chosen, (1.0, 1.0))
    # each of the two means is the area
    return replace(score, offset=-score.estimate / 2, smallest=0.0, largest=1.0)


def auc_components(score: ArrayLike, label: ArrayLike) -> Floats:
    """`(N,)` placements: the share of the background below each signal sample, and of the signal
    above each background sample; ties count half. NaN if the other class is absent.
    """
    scores, is_signal = np.asarray(score, np.float64), np.asarray(label) == 1
    found = np.full(scores.size, np.nan)
    if is_signal.any() and not is_signal.all():
        ranks = rankdata(scores)
        for own in (is_signal, ~is_signal):
            found[own] = (ranks[own] - rankdata(scores[own])) / (~own).sum()
        found[~is_signal] = 1 - found[~is_signal]
    return found


def interval(scores: Sequence[ClassScore], reduce: Reduce | None = None) -> Interval:
    """The interval of a score, or of a function `reduce` of several scores of the same samples.

    It covers other samples, and other trainings if the nets have several seeds. The interval of a
    function combines those of the scores with their correlation: a sample that is hard for two
    models cancels in their difference. Its count is the smallest of the scores'.
    """
    own = [_of_score(score) for score in scores]
    settings = _by_seed(scores, reduce)
    if reduce is None:
        return with_seeds(own[0], settings).within(scores[0].smallest, scores[0].largest)
    estimates = np.array([score.estimate for score in scores])
    estimate = float(reduce(estimates[None])[0])
    count = min(score.count for score in scores)
    if math.isnan(estimate):
        return Interval(math.nan, math.nan, math.nan, 0, count)
    step = 1e-4 * np.eye(len(scores))
    slopes = (reduce(estimates + step) - reduce(estimates - step)) / 2e-4
    bounds = [(one.low, one.high) for one in own]
    low, high = combined(estimate, slopes, estimates, bounds, _correlations(scores))
    found = Interval(low, estimate, high, len(scores[0].sums), count)
    return with_seeds(found, settings)


def _of_score(score: ClassScore) -> Interval:
    """For these nets alone; exact if the score is made of shares."""
    blocks = len(score.sums)
    if score.share and list(score.factors) == [1.0]:
        counts = score.counts[:, 0]
        low, high = _share_bounds(score, 0)
        return Interval(low, score.estimate, high, int((counts > 0).sum()), int(counts.sum()))
    if math.isnan(score.estimate):
        return Interval(math.nan, math.nan, math.nan, 0, score.count)
    if not score.share:
        found = mean_interval(
            score.estimate,
            jackknife_cumulants(score.estimate, _without(score)),
            blocks,
            score.count,
        )
        if found.low < found.high or math.isinf(score.smallest):
            return found
    low, high = _class_bounds(score)
    return Interval(low, score.estimate, high, blocks, score.count)


def _without(score: ClassScore) -> Floats:
    """`(B,)`: the score without each block; NaN if the block holds all samples of a group."""
    return score.of_totals(
        score.sums.sum(axis=0) - score.sums, score.counts.sum(axis=0) - score.counts
    )


def _correlations(scores: Sequence[ClassScore]) -> Floats:
    """`(scores, scores)`, from scores without each block; 0 with a score that does not vary."""
    without = np.nan_to_num([_without(score) - score.estimate for score in scores])
    without -= without.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(without, axis=1)
    unit = without / np.where(spread > 1e-12, spread, np.inf)[:, None]
    found: Floats = unit @ unit.T
    np.fill_diagonal(found, 1.0)
    return found


def _by_seed(scores: Sequence[ClassScore], reduce: Reduce | None) -> list[list[float]]:
    """For each trained setting, the result with each seed's scores in place of their means."""
    means = [score.estimate for score in scores]
    found = []
    for points in dict.fromkeys(score.points for score in scores if score.points):
        values = np.array(
            [
                [
                    score.of_seeds[seed].estimate
                    if score.points == points and score.of_seeds
                    else mean
                    for score, mean in zip(scores, means, strict=True)
                ]
                for seed in range(len(points))
            ]
        )
        found.append((values[:, 0] if reduce is None else reduce(values)).tolist())
    return found


def _class_bounds(score: ClassScore) -> tuple[float, float]:
    """Bounds of a sum of shares of groups, and of an area, whose components vary no more."""
    means = [
        sums.sum() / counts.sum() for sums, counts in zip(score.sums.T, score.counts.T, strict=True)
    ]
    bounds = [_share_bounds(score, group) for group in range(len(means))]
    return combined(score.estimate, score.factors, means, bounds)


def _share_bounds(score: ClassScore, group: int) -> tuple[float, float]:
    """Bounds of the share of one group, from the blocks that have samples of it."""
    sums, counts = score.sums[:, group], score.counts[:, group]
    used = counts > 0
    return share_interval(sums[used], counts[used], independent=score.independent)


def average(scores: Sequence[ClassScore]) -> ClassScore:
    """The mean of similar scores of the same samples, such as those of several seeds."""
    first = scores[0]
    return replace(
        first,
        sums=np.mean([score.sums for score in scores], axis=0),
        offset=float(np.mean([score.offset for score in scores])),
        share=all(score.share for score in scores),
        of_seeds=tuple(scores),
    )


def _score(
    values: Floats,
    label: ArrayLike,
    blocks: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None,
    groups: Sequence[tuple[int | None, float]],
    share: bool,
) -> ClassScore:
    """The score whose means are over `groups`: class, or None for all samples, and factor."""
    labels = np.asarray(label)
    used = np.ones(labels.size, dtype=bool) if chosen is None else chosen
    rows = [used if one is None else used & (labels == one) for one, _ in groups]
    size = int(blocks.max(initial=-1)) + 1
    factors = np.array([factor for _, factor in groups])
    counts = np.stack([np.bincount(blocks[own], minlength=size) for own in rows], axis=1)
    signal = int((labels[used] == 1).sum())
    smallest, largest = -math.inf, math.inf
    if share:
        smallest, largest = (float(one(0.0, factors).sum()) for one in (np.minimum, np.maximum))
    return ClassScore(
        sums=np.stack([np.bincount(blocks[own], values[own], size) for own in rows], axis=1),
        counts=counts.astype(np.float64),
        factors=factors,
        offset=0.0,
        num_signal=signal,
        num_background=int(used.sum()) - signal,
        smallest=smallest,
        largest=largest,
        share=share,
    )
