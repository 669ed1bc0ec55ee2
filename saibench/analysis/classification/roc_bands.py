"""ROC curves with the band in which other test samples would put them.

Samples of label 1 are signal, those of label 0 background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import LEVEL, Floats, Interval, draw_blocks
from saibench.analysis.proportions import exact_interval

NUM_RESAMPLES = 200
"""Fewer than for a number: a band is looked at, not quoted."""
MIN_BACKGROUND = 10
"""Background samples that a background efficiency stands for at least."""


@dataclass(frozen=True, eq=False)
class RocBand:
    """Signal efficiency at each background efficiency; all `(P,)`.

    Args:
        background: efficiencies for the background, rising, equidistant on a log scale.
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
    """The curve from `(N,)` scores of one or more seeds, averaged over them at each efficiency.

    It begins at the background efficiency that ten background samples stand for; NaN where a class
    is absent.
    """
    least = min(0.5, MIN_BACKGROUND / max(1, int((label == 0).sum())))
    background = np.geomspace(least, 1, positions)
    weights = _block_weights(blocks)
    found = np.mean([_signal_at(background, s, label, blocks, weights) for s in scores], axis=0)
    low, high = _bounds(found)
    return RocBand(background, found[0], low, high)


def background_efficiency(
    scores: Sequence[Floats],
    label: NDArray[np.int64],
    blocks: NDArray[np.int64],
    signal_efficiency: float,
) -> Interval:
    """Share of the background above the strictest threshold that keeps this share of the signal.

    NaN where a class is absent.
    """
    weights = _block_weights(blocks)
    found = np.mean(
        [_background_at(signal_efficiency, s, label, blocks, weights) for s in scores], axis=0
    )
    low, high = map(float, _bounds(found))
    if high == 0:  # none of them passes: as of any share
        high = exact_interval(0, int((label == 0).sum()))[1]
    return Interval(low, float(found[0]), high, len(weights[0]), len(label))


def _bounds(found: Floats) -> tuple[Floats, Floats]:
    """Of `(1 + R, …)`, the estimate first; resamplings may lack a rare class."""
    if np.isnan(found[0]).any():
        return np.full_like(found[0], np.nan), np.full_like(found[0], np.nan)
    low, high = np.nanquantile(found[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def _block_weights(blocks: NDArray[np.int64]) -> Floats:
    """`(1 + R, B)`: all blocks once, then the resamplings."""
    count = int(blocks.max()) + 1
    return np.concatenate([np.ones((1, count)), draw_blocks(count, 0, NUM_RESAMPLES)])


def _signal_at(
    background: Floats,
    score: Floats,
    label: NDArray[np.int64],
    blocks: NDArray[np.int64],
    weights: Floats,
) -> Floats:
    """`(1 + R, P)`, between neighbouring working points on straight lines."""
    nowhere = np.full_like(background, np.nan)
    return np.stack(
        [
            nowhere if np.isnan(passed + kept).any() else np.interp(background, passed, kept)
            for passed, kept in _curves(score, label, blocks, weights)
        ]
    )


def _background_at(
    signal: float,
    score: Floats,
    label: NDArray[np.int64],
    blocks: NDArray[np.int64],
    weights: Floats,
) -> Floats:
    """`(1 + R,)`"""
    found = np.full(len(weights), np.nan)
    for number, (passed, kept) in enumerate(_curves(score, label, blocks, weights)):
        reached = np.flatnonzero(kept >= signal - 1e-12)  # none without a signal sample
        if reached.size:
            found[number] = passed[reached[0]]
    return found


def _curves(
    score: Floats, label: NDArray[np.int64], blocks: NDArray[np.int64], weights: Floats
) -> list[tuple[Floats, Floats]]:
    """Background and signal efficiencies at the thresholds, samples of equal score on one side.

    From 0 on; behind it NaN for a class that is absent.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    is_signal, block = label[order] == 1, blocks[order]
    curves = []
    for own in weights:
        weight = own[block]
        signal, background = np.where(is_signal, weight, 0.0), np.where(is_signal, 0.0, weight)
        with np.errstate(invalid="ignore"):
            kept, passed = (
                np.cumsum(of_class)[ends] / of_class.sum() for of_class in (signal, background)
            )
        curves.append((np.concatenate([[0.0], passed]), np.concatenate([[0.0], kept])))
    return curves
