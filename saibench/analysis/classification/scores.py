"""Scores of a classifier of two classes, with intervals from resampling samples.

Samples of label 1 are signal, those of label 0 background. Every score is a sum of means over
groups of samples, so that sums over blocks of samples are all that it takes to resample it: an
accuracy is one mean; a balanced one is half of each class's; the area under a ROC curve is the mean
rank of a signal sample among the background, and its interval that of DeLong's components (DeLong,
DeLong, Clarke-Pearson, Biometrics 44, 1988).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.analysis.bootstrap import Floats, Interval, left_out, mean_interval
from saibench.analysis.proportions import combined, share_interval
from saibench.analysis.seeds import with_seeds

MIN_SAMPLES = 20
"""Fewer samples of a class say nothing of others: their intervals miss too often for a claim."""

Reduce = Callable[[Floats], Floats]
"""`(resamplings, scores)` → one number a resampling."""


@dataclass(frozen=True, eq=False)
class ClassScore:
    """`offset` + Σ over groups of `factors` × the group's mean, in sums over B blocks.

    Args:
        sums: `(B, G)`, of the values in a block.
        counts: `(B, G)`, how many values those are.
        factors: `(G,)`.
        offset: what is added.
        num_signal, num_background: samples of either class behind the score.
        smallest, largest: what it lies between, as its interval does, which is linear in the
            components.
        share: whether the values are declared to be 0 or 1, or means of such over nets.
        bundled: whether blocks are only bundles of independent samples.
        points: of the nets that scored, one a seed; none where the score needs no net.
        of_seeds: the same score of each of them alone.
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
    bundled: bool = True
    points: tuple[str, ...] = ()
    of_seeds: tuple[ClassScore, ...] = ()

    def of(self, sums: Floats, counts: Floats) -> Floats:
        """The score of resampled totals `(R, G)`; NaN where a group is empty."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return (sums / counts) @ self.factors + self.offset

    @property
    def estimate(self) -> float:
        return float(self.of(self.sums.sum(axis=0)[None], self.counts.sum(axis=0)[None])[0])

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
    """The mean of one number of each sample, over all or those `chosen`.

    It is a `share` where the number is declared to be 0 or 1.
    """
    score = _score(values, label, blocks, chosen, classes=(None,), factors=(1.0,))
    return replace(score, share=share, smallest=0.0, largest=1.0) if share else score


def class_mean_score(
    values: Floats,
    label: ArrayLike,
    blocks: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None = None,
    factors: tuple[float, float] = (0.5, 0.5),
    offset: float = 0.0,
    *,
    share: bool = False,
) -> ClassScore:
    """`factors` × the means over signal and background; by default as if both were as frequent."""
    used = tuple(zip((1, 0), factors, strict=True))
    kept = [(one, factor) for one, factor in used if factor]
    classes, of_classes = zip(*kept, strict=True)
    score = _score(values, label, blocks, chosen, classes, of_classes, offset)
    if not share:
        return score
    smallest, largest = (
        offset + sum(bound(0.0, one) for one in of_classes) for bound in (min, max)
    )
    return replace(score, share=True, smallest=smallest, largest=largest)


def auc_score(
    components: Floats,
    label: ArrayLike,
    blocks: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None = None,
) -> ClassScore:
    """Area under the ROC curve from its `auc_components`; NaN where a class is absent."""
    score = class_mean_score(components, label, blocks, chosen, (1.0, 1.0))
    # both means are the area
    return replace(score, offset=-score.estimate / 2, smallest=0.0, largest=1.0)


def auc_components(score: ArrayLike, label: ArrayLike) -> Floats:
    """`(N,)`: of a signal sample the share of the background that scores lower, of a background
    sample that of the signal that scores higher, ties counted half; NaN where the other class is
    absent.
    """
    scores, is_signal = np.asarray(score, np.float64), np.asarray(label) == 1
    found = np.full(scores.size, np.nan)
    signal, background = np.sort(scores[is_signal]), np.sort(scores[~is_signal])
    if signal.size and background.size:
        found[is_signal] = _share_below(scores[is_signal], background)
        found[~is_signal] = 1 - _share_below(scores[~is_signal], signal)
    return found


def interval(scores: Sequence[ClassScore], reduce: Reduce | None = None) -> Interval:
    """The interval of a score, or of what `reduce` makes of several of the same samples.

    It covers other samples, and other trainings where the nets have several seeds. What `reduce`
    makes has the scores' own bounds combined, with their correlation: what a hard sample adds to
    two models cancels in their difference. Its count is the smallest of the scores'.
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
    """Of the nets that scored: exact where the score is made of shares."""
    if score.share and list(score.factors) == [1.0]:
        return _of_share(score)
    blocks = len(score.sums)
    if math.isnan(score.estimate):
        return Interval(math.nan, math.nan, math.nan, 0, score.count)
    if not score.share:
        found = mean_interval(
            score.estimate, left_out(score.estimate, _without(score)), blocks, score.count
        )
        if found.low < found.high or math.isinf(score.smallest):
            return found
    low, high = _class_bounds(score)
    return Interval(low, score.estimate, high, blocks, score.count)


def _without(score: ClassScore) -> Floats:
    """`(B,)`: the score without each block; NaN where it holds all samples of a group."""
    return score.of(score.sums.sum(axis=0) - score.sums, score.counts.sum(axis=0) - score.counts)


def _correlations(scores: Sequence[ClassScore]) -> Floats:
    """`(scores, scores)`, from leaving out blocks; 0 with a score that does not vary."""
    without = np.nan_to_num([_without(score) - score.estimate for score in scores])
    without -= without.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(without, axis=1)
    unit = without / np.where(spread > 1e-12, spread, np.inf)[:, None]
    found: Floats = unit @ unit.T
    np.fill_diagonal(found, 1.0)
    return found


def _by_seed(scores: Sequence[ClassScore], reduce: Reduce | None) -> list[list[float]]:
    """Of each net's settings, what `reduce` makes of the scores with each seed's in their place."""
    means = [score.estimate for score in scores]
    found = []
    for points in dict.fromkeys(score.points for score in scores if score.points):
        rows = []
        for seed in range(len(points)):
            rows.append(
                [
                    score.of_seeds[seed].estimate
                    if score.points == points and score.of_seeds
                    else own
                    for score, own in zip(scores, means, strict=True)
                ]
            )
        values = np.array(rows)
        found.append((values[:, 0] if reduce is None else reduce(values)).tolist())
    return found


def _class_bounds(score: ClassScore) -> tuple[float, float]:
    """Bounds of a sum of shares of groups; an area's components are at most as wide as shares."""
    means, bounds = [], []
    for sums, counts in zip(score.sums.T, score.counts.T, strict=True):
        held = counts > 0
        means.append(float(sums.sum() / counts.sum()))
        bounds.append(share_interval(sums[held], counts[held], independent=score.bundled))
    return combined(score.estimate, score.factors, means, bounds)


def _of_share(score: ClassScore) -> Interval:
    """As any share has it: see `saibench.analysis.proportions`."""
    held = score.counts[:, 0] > 0
    sums, counts = score.sums[held, 0], score.counts[held, 0]
    low, high = share_interval(sums, counts, independent=score.bundled)
    return Interval(low, score.estimate, high, int(held.sum()), int(counts.sum()))


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
    classes: Sequence[int | None],
    factors: Sequence[float],
    offset: float = 0.0,
) -> ClassScore:
    labels = np.asarray(label)
    used = np.ones(labels.size, dtype=bool) if chosen is None else chosen
    size = int(blocks.max(initial=-1)) + 1
    sums: list[Floats] = []
    counts: list[Floats] = []
    for one in classes:
        own = used if one is None else used & (labels == one)
        total = np.bincount(blocks[own], weights=values[own], minlength=size)
        sums.append(total.astype(np.float64))
        counts.append(np.bincount(blocks[own], minlength=size).astype(np.float64))
    signal = int((labels[used] == 1).sum())
    columns = np.stack(sums, axis=1), np.stack(counts, axis=1)
    return ClassScore(*columns, np.array(factors), offset, signal, int(used.sum()) - signal)


def _share_below(scores: Floats, ordered: Floats) -> Floats:
    below = np.searchsorted(ordered, scores, side="left")
    not_above = np.searchsorted(ordered, scores, side="right")
    return (below + not_above) / (2 * ordered.size)
