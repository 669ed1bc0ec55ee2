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
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saibench.interpretation.bootstrap import Floats, Interval, block_bootstrap
from saibench.interpretation.proportions import share_interval
from saibench.interpretation.seeds import with_seeds

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
        share: whether the values are 0 or 1, or means of such.
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
    score = class_mean_score(components, label, blocks, chosen, (1.0, 1.0), share=True)
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

    It covers other jets, and other trainings where the nets have several seeds. All are resampled
    together: what a hard jet adds to two models cancels in their difference.
    Its count is the smallest of the scores'.
    """
    count = min(score.count for score in scores)
    columns = np.hstack([part for score in scores for part in (score.sums, score.jets)])
    bounds = np.cumsum([0, *(score.sums.shape[1] for score in scores for _ in range(2))])

    def statistic(values: Floats, weights: Floats) -> Floats:
        totals = weights @ values
        parts = [totals[:, start:end] for start, end in pairwise(bounds)]
        values_of = [s.of(parts[2 * n], parts[2 * n + 1]) for n, s in enumerate(scores)]
        found = np.stack(values_of, axis=1)
        return found[:, 0] if reduce is None else reduce(found)

    settings = _by_seed(scores, reduce)
    if reduce is None and scores[0].share and list(scores[0].factors) == [1.0]:
        return with_seeds(_of_share(scores[0]), settings).within(0.0, 1.0)
    if math.isnan(float(statistic(columns, np.ones((1, len(columns))))[0])):
        return Interval(math.nan, math.nan, math.nan, 0, count)
    found = block_bootstrap(columns, np.arange(len(columns)), statistic, of_means=True)
    found = replace(found, count=count)
    if math.isclose(found.low, found.high, rel_tol=0.0, abs_tol=1e-12):
        found = _of_bounds(scores, reduce, found)
    found = with_seeds(found, settings)
    first = scores[0]
    return found.within(first.smallest, first.largest) if reduce is None else found


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


def _of_bounds(scores: Sequence[JetScore], reduce: Reduce | None, found: Interval) -> Interval:
    """Where no resampling varies: the squares of the distances to the shares' own bounds added.

    Zou, Donner, Stat. Med. 27 (2008); of a difference of two shares it is Newcombe's method 10
    (Stat. Med. 17, 1998) with exact bounds. Unchanged where a score is no share. Scores of the same
    jets are taken for independent, which is wide rather than narrow for what they share.
    """
    if not all(score.share for score in scores):
        return found
    own = np.array([_class_bounds(score) for score in scores])
    estimates = np.array([score.estimate for score in scores])
    slope = np.ones(1)
    if reduce is not None:
        step = 1e-4 * np.eye(len(scores))
        slope = (reduce(estimates + step) - reduce(estimates - step)) / 2e-4
    below, above = estimates - own[:, 0], own[:, 1] - estimates
    down = np.where(slope > 0, below, above) * slope
    up = np.where(slope > 0, above, below) * slope
    if not (np.isfinite(down).all() and np.isfinite(up).all()):
        return found
    return replace(
        found,
        low=found.estimate - float(np.linalg.norm(down)),
        high=found.estimate + float(np.linalg.norm(up)),
    )


def _class_bounds(score: JetScore) -> tuple[float, float]:
    """Bounds of a sum of shares of groups; an area's components are at most as wide as shares."""
    down, up = [], []
    for sums, jets, factor in zip(score.sums.T, score.jets.T, score.factors, strict=True):
        held = jets > 0
        if held.sum() < 2:
            return math.nan, math.nan
        low, high = share_interval(sums[held], jets[held], independent=score.bundled)
        mean = float(sums.sum() / jets.sum())
        ends = factor * (mean - low), factor * (high - mean)
        down.append(ends[0] if factor > 0 else ends[1])
        up.append(ends[1] if factor > 0 else ends[0])
    estimate = score.estimate
    return estimate - float(np.linalg.norm(down)), estimate + float(np.linalg.norm(up))


def _of_share(score: JetScore) -> Interval:
    """As any share has it: see `saibench.interpretation.proportions`."""
    held = score.jets[:, 0] > 0
    sums, jets = score.sums[held, 0], score.jets[held, 0]
    low = high = math.nan
    if held.sum() > 1:
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
