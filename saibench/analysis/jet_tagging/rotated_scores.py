"""The best and the worst angle about the beam axis by which jets are rotated.

An angle that is chosen on the jets that score it looks better, or worse, than it is: any model
whose scores change with the angle would seem to prefer one. Claims are therefore cross-fitted: one
half of the blocks chooses the angles and the other half scores them, then the reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.scores import ClassScore

Choose = Callable[[Floats], tuple[int, int]]
"""Values of several scores → positions of the two to be compared."""


def extremes(of_angles: Sequence[ClassScore]) -> tuple[int, int]:
    """Positions of the best and the worst of these scores."""
    return best_and_worst(np.array([score.estimate for score in of_angles]))


def best_and_worst(values: Floats) -> tuple[int, int]:
    """Positions of the largest and the smallest value."""
    if np.isnan(values).all():
        return 0, 0
    return int(np.nanargmax(values)), int(np.nanargmin(values))


def best_minus_worst(values: Floats) -> Floats:
    """Difference of the columns (best, worst)."""
    return values[:, 0] - values[:, 1]


def cross_fitted(scores: Sequence[ClassScore], choose: Choose) -> list[ClassScore]:
    """Scores on the odd blocks of the two that `choose` takes on the even ones; then the reverse.

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
    """From the columns of `cross_fitted`: first minus second score, the mean over both halves."""
    return (values[:, 0] - values[:, 1] + values[:, 2] - values[:, 3]) / 2


def _of_blocks(score: ClassScore, blocks: NDArray[np.bool_]) -> ClassScore:
    """The score of these blocks alone; the others are set to 0."""
    of_seeds = tuple(_of_blocks(one, blocks) for one in score.of_seeds)
    sums, counts = (np.where(blocks[:, None], part, 0) for part in (score.sums, score.counts))
    return replace(score, sums=sums, counts=counts, of_seeds=of_seeds)
