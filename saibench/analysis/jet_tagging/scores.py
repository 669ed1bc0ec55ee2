"""Scores of taggers, with intervals from resampling jets.

Every score is a sum of means over groups of jets, so that sums over blocks of jets are all that it
takes to resample it: an accuracy is one mean; a balanced one is half of each class's; the area
under a ROC curve is the mean rank of a top jet among the QCD jets, and its interval that of
DeLong's components (DeLong, DeLong, Clarke-Pearson, Biometrics 44, 1988).
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

FEWEST_JETS = 20
"""Fewer jets of a class say nothing of others: their intervals miss too often to carry a claim."""

Reduce = Callable[[Floats], Floats]
"""`(resamplings, scores)` → one number a resampling."""


@dataclass(frozen=True, eq=False)
class JetScore:
    """`offset` + Σ over groups of `factors` × the group's mean, in sums over B blocks of jets.

    Args:
        sums: `(B, G)`, of the values in a block.
        jets: `(B, G)`, how many values those are.
        factors: `(G,)`.
        offset: what is added.
        tops, qcds: jets of either class behind the score.
        smallest, largest: what it lies between, as its interval does, which is linear in the
            components.
        share: whether the values are declared to be 0 or 1, or means of such over nets.
        bundled: whether blocks are only bundles of independent jets.
        points: of the nets that scored, one a seed; none where the score needs no net.
        of_seeds: the same score of each of them alone.
    """

    sums: Floats
    jets: Floats
    factors: Floats
    offset: float
    tops: int
    qcds: int
    smallest: float = -math.inf
    largest: float = math.inf
    share: bool = False
    bundled: bool = True
    points: tuple[str, ...] = ()
    of_seeds: tuple[JetScore, ...] = ()

    def of(self, sums: Floats, jets: Floats) -> Floats:
        """The score of resampled totals `(R, G)`; NaN where a group is empty."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return (sums / jets) @ self.factors + self.offset

    @property
    def estimate(self) -> float:
        return float(self.of(self.sums.sum(axis=0)[None], self.jets.sum(axis=0)[None])[0])

    @property
    def count(self) -> int:
        return self.tops + self.qcds

    @property
    def is_few(self) -> bool:
        """Whether a class has too few jets for a claim."""
        return min(self.tops, self.qcds) < FEWEST_JETS


def mean_score(
    values: Floats,
    label: ArrayLike,
    blocks: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None = None,
    *,
    share: bool = False,
) -> JetScore:
    """The mean of one number of each jet, over all jets or those `chosen`.

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
) -> JetScore:
    """`factors` × the means over top jets and QCD jets; by default as if both were as frequent."""
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
) -> JetScore:
    """Area under the ROC curve from its `auc_components`; NaN where a class is absent."""
    score = class_mean_score(components, label, blocks, chosen, (1.0, 1.0))
    # both means are the area
    return replace(score, offset=-score.estimate / 2, smallest=0.0, largest=1.0)


def auc_components(score: ArrayLike, label: ArrayLike) -> Floats:
    """`(N,)`: of a top jet the share of QCD jets that score lower, of a QCD jet that of top jets
    that score higher, ties counted half; NaN where the other class is absent.
    """
    scores, is_top = np.asarray(score, np.float64), np.asarray(label) == 1
    found = np.full(scores.size, np.nan)
    tops, qcds = np.sort(scores[is_top]), np.sort(scores[~is_top])
    if tops.size and qcds.size:
        found[is_top] = _share_below(scores[is_top], qcds)
        found[~is_top] = 1 - _share_below(scores[~is_top], tops)
    return found


def interval(scores: Sequence[JetScore], reduce: Reduce | None = None) -> Interval:
    """The interval of a score, or of what `reduce` makes of several of the same jets.

    It covers other jets, and other trainings where the nets have several seeds. What `reduce` makes
    has the scores' own bounds combined, with their correlation: what a hard jet adds to two models
    cancels in their difference. Its count is the smallest of the scores'.
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


def _of_score(score: JetScore) -> Interval:
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


def _without(score: JetScore) -> Floats:
    """`(B,)`: the score without each block; NaN where it holds all jets of a group."""
    return score.of(score.sums.sum(axis=0) - score.sums, score.jets.sum(axis=0) - score.jets)


def _correlations(scores: Sequence[JetScore]) -> Floats:
    """`(scores, scores)`, from leaving out blocks; 0 with a score that does not vary."""
    without = np.nan_to_num([_without(score) - score.estimate for score in scores])
    without -= without.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(without, axis=1)
    unit = without / np.where(spread > 1e-12, spread, np.inf)[:, None]
    found: Floats = unit @ unit.T
    np.fill_diagonal(found, 1.0)
    return found


def _by_seed(scores: Sequence[JetScore], reduce: Reduce | None) -> list[list[float]]:
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


def _class_bounds(score: JetScore) -> tuple[float, float]:
    """Bounds of a sum of shares of groups; an area's components are at most as wide as shares."""
    means, bounds = [], []
    for sums, jets in zip(score.sums.T, score.jets.T, strict=True):
        held = jets > 0
        means.append(float(sums.sum() / jets.sum()))
        bounds.append(share_interval(sums[held], jets[held], independent=score.bundled))
    return combined(score.estimate, score.factors, means, bounds)


def _of_share(score: JetScore) -> Interval:
    """As any share has it: see `saibench.analysis.proportions`."""
    held = score.jets[:, 0] > 0
    sums, jets = score.sums[held, 0], score.jets[held, 0]
    low, high = share_interval(sums, jets, independent=score.bundled)
    return Interval(low, score.estimate, high, int(held.sum()), int(jets.sum()))


def average(scores: Sequence[JetScore]) -> JetScore:
    """The mean of like scores of the same jets, such as those of several seeds."""
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
) -> JetScore:
    labels = np.asarray(label)
    used = np.ones(labels.size, dtype=bool) if chosen is None else chosen
    size = int(blocks.max(initial=-1)) + 1
    sums: list[Floats] = []
    jets: list[Floats] = []
    for one in classes:
        own = used if one is None else used & (labels == one)
        total = np.bincount(blocks[own], weights=values[own], minlength=size)
        sums.append(total.astype(np.float64))
        jets.append(np.bincount(blocks[own], minlength=size).astype(np.float64))
    tops = int((labels[used] == 1).sum())
    columns = np.stack(sums, axis=1), np.stack(jets, axis=1)
    return JetScore(*columns, np.array(factors), offset, tops, int(used.sum()) - tops)


def _share_below(scores: Floats, ordered: Floats) -> Floats:
    below = np.searchsorted(ordered, scores, side="left")
    not_above = np.searchsorted(ordered, scores, side="right")
    return (below + not_above) / (2 * ordered.size)
