"""ROC curves with the band in which other test jets would put them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.interpretation.bootstrap import LEVEL, Floats, Interval, draw_blocks

NUM_RESAMPLES = 200
"""Fewer than for a number: a band is looked at, not quoted."""
LEAST_BACKGROUND = 10
"""QCD jets that a background efficiency stands for at least."""


@dataclass(frozen=True, eq=False)
class RocBand:
    """Signal efficiency at each background efficiency; all `(P,)`.

    Args:
        background: efficiencies for QCD jets, rising, equidistant on a log scale.
        signal, low, high: efficiency for top jets, and its 95 % band.
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

    It begins at the background efficiency that ten QCD jets stand for.
    """
    least = min(0.5, LEAST_BACKGROUND / max(1, int((label == 0).sum())))
    background = np.geomspace(least, 1, positions)
    weights = _block_weights(blocks)
    found = np.mean([_signal_at(background, s, label, blocks, weights) for s in scores], axis=0)
    low, high = np.nanquantile(found[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return RocBand(background, found[0], low, high)


def background_efficiency(
    scores: Sequence[Floats],
    label: NDArray[np.int64],
    blocks: NDArray[np.int64],
    signal_efficiency: float,
) -> Interval:
    """Share of QCD jets above the strictest threshold that keeps this share of the top jets."""
    weights = _block_weights(blocks)
    found = np.mean(
        [_background_at(signal_efficiency, s, label, blocks, weights) for s in scores], axis=0
    )
    low, high = np.quantile(found[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(found[0]), float(high), len(weights[0]), len(label))


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
    return np.stack(
        [
            np.interp(background, passed, kept)
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
    curves = _curves(score, label, blocks, weights)
    return np.array([passed[np.argmax(kept >= signal - 1e-12)] for passed, kept in curves])


def _curves(
    score: Floats, label: NDArray[np.int64], blocks: NDArray[np.int64], weights: Floats
) -> list[tuple[Floats, Floats]]:
    """Background and signal efficiencies at the thresholds, jets of equal score on one side."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    is_top, block = label[order] == 1, blocks[order]
    curves = []
    for own in weights:
        tops, qcds = np.where(is_top, own[block], 0.0), np.where(is_top, 0.0, own[block])
        kept, passed = (np.cumsum(of_class)[ends] / of_class.sum() for of_class in (tops, qcds))
        curves.append((np.concatenate([[0.0], passed]), np.concatenate([[0.0], kept])))
    return curves
