"""The best and the worst angle about the beam by which jets are turned.

An angle that is chosen by the jets that score it looks better, or worse, than it is, so that any
model whose scores change with the angle seems to prefer one. What is claimed is therefore
cross-fitted: half of the blocks choose, the other half scores, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.scores import ClassScore

Choose = Callable[[Floats], tuple[int, int]]
"""Values of several scores → positions of the two whose difference is asked for."""


def extremes(of_angles: Sequence[ClassScore]) -> tuple[int, int]:
    """Positions of the best and of the worst of these scores."""
    return best_and_worst(np.array([score.estimate for score in of_angles]))


def best_and_worst(values: Floats) -> tuple[int, int]:
    """Positions of the largest and of the smallest."""
    if np.isnan(values).all():
        return 0, 0
    return int(np.nanargmax(values)), int(np.nanargmin(values))


def best_minus_worst(values: Floats) -> Floats:
    """Of the columns (best, worst)."""
    return values[:, 0] - values[:, 1]


def cross_fitted(scores: Sequence[ClassScore], choose: Choose) -> list[ClassScore]:
    """The two that `choose` takes by the even blocks, of the odd ones; then the reverse.

    Args:
        scores: of the same jets in the same blocks.
    """
    even = np.arange(len(scores[0].sums)) % 2 == 0
    found: list[ClassScore] = []
    for choosing in (even, ~even):
        values = np.array([_of_blocks(score, choosing).estimate for score in scores])
        found += [_of_blocks(scores[position], ~choosing) for position in choose(values)]
    return found


def mean_difference(values: Floats) -> Floats:
    """Of the columns of `cross_fitted`: the first of two less the second, the mean of halves."""
    return (values[:, 0] - values[:, 1] + values[:, 2] - values[:, 3]) / 2


def _of_blocks(score: ClassScore, blocks: NDArray[np.bool_]) -> ClassScore:
    """The score of these blocks alone, which stay in their places."""
    of_seeds = tuple(_of_blocks(one, blocks) for one in score.of_seeds)
    score = replace(score, of_seeds=of_seeds)
    kept = blocks[:, None]
    return replace(
        score, sums=np.where(kept, score.sums, 0), counts=np.where(kept, score.counts, 0)
    )
