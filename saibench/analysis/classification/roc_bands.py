"""ROC curves with the band in which the curves of other test samples would fall.

Samples of label 1 are signal, those of label 0 background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import LEVEL, Floats, Interval, draw_blocks
from saibench.analysis.proportions import exact_interval

NUM_RESAMPLES = 200
"""Fewer than for a number: a band is drawn, not quoted."""
MIN_BACKGROUND = 10
"""Background samples that pass at the lowest background efficiency of a band."""


@dataclass(frozen=True, eq=False)
class RocBand:
    """Signal efficiency at each background efficiency; all `(P,)`.

    Args:
        background: efficiencies for the background, ascending, equidistant on a log scale.
        signal, low, high: efficiency for the signal, and its 95 % band.
    """

    background: Floats
    signal: Floats
    low: Floats
    high: Floats


def roc_band(
    scores: Sequence[Floats],
    label: NDArray[np.int64],
    blocks: NDArray[np.int64],
    positions: int = 60,
) -> RocBand:
    """The curve from `(N,)` scores of one or more seeds, averaged over seeds at each efficiency.

    It starts where `MIN_BACKGROUND` background samples pass; NaN if a class is absent.
    """
    least = min(0.5, MIN_BACKGROUND / max(1, int((label == 0).sum())))
    background = np.geomspace(least, 1, positions)

    def signal_at(passed: Floats, kept: Floats) -> Floats:
        if np.isnan(passed + kept).any():
            return np.full(positions, np.nan)
        return np.interp(background, passed, kept)

    found = _resampled(signal_at, scores, label, blocks)
    return RocBand(background, found[0], *_bounds(found))


def background_efficiency(
    scores: Sequence[Floats],
    label: NDArray[np.int64],
    blocks: NDArray[np.int64],
    signal_efficiency: float,
) -> Interval:
    """Background efficiency at the highest threshold that reaches this signal efficiency.

    NaN if a class is absent.
    """

    def background_at(passed: Floats, kept: Floats) -> float:
        reached = np.flatnonzero(kept >= signal_efficiency - 1e-12)  # empty without signal
        return float(passed[reached[0]]) if reached.size else np.nan

    found = _resampled(background_at, scores, label, blocks)
    low, high = map(float, _bounds(found))
    if high == 0:  # no background sample passes: the interval of a proportion of 0
        high = exact_interval(0, int((label == 0).sum()))[1]
    return Interval(low, float(found[0]), high, int(blocks.max()) + 1, len(label))


def _resampled(
    read: Callable[[Floats, Floats], Any],
    scores: Sequence[Floats],
    label: NDArray[np.int64],
    blocks: NDArray[np.int64],
) -> Floats:
    """`(1 + R, …)` means over seeds of what `read` takes from a curve, the estimate first."""
    count = int(blocks.max()) + 1
    weights = np.concatenate([np.ones((1, count)), draw_blocks(count, 0, NUM_RESAMPLES)])
    found: Floats = np.mean(
        [[read(*curve) for curve in _curves(score, label, blocks, weights)] for score in scores],
        axis=0,
    )
    return found


def _bounds(found: Floats) -> tuple[Floats, Floats]:
    """Of `(1 + R, …)`, the estimate first; resamplings may lack a rare class."""
    if np.isnan(found[0]).any():
        return np.full_like(found[0], np.nan), np.full_like(found[0], np.nan)
    low, high = np.nanquantile(found[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def _curves(
    score: Floats, label: NDArray[np.int64], blocks: NDArray[np.int64], weights: Floats
) -> Iterator[tuple[Floats, Floats]]:
    """Background and signal efficiencies at each threshold, for each row of block weights.

    Both start at 0; the rest is NaN for an absent class. `sklearn.metrics.roc_curve` would sort
    the scores again for each of the 200 resamplings.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    is_signal, block = label[order] == 1, blocks[order]
    for row in weights:
        weight = row[block]
        totals = [np.cumsum(weight * of_class) for of_class in (~is_signal, is_signal)]
        with np.errstate(invalid="ignore"):
            passed, kept = (np.append(0.0, total[ends] / total[-1]) for total in totals)
        yield passed, kept
