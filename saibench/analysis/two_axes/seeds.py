"""Which pairs of models stand for one seed of a trained setting alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.two_axes.pairs import Axis
from saibench.analysis.two_axes.parts import Swaps
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import SEED, is_trained, settings_of, tested


def swaps(evidence: StudyEvidence, axes: Sequence[Axis]) -> list[Swaps]:
    """Of each trained setting of the axes' points, what its seeds are."""
    points = tested(evidence)
    names = {point for axis in axes for pair in axis.pairs for point in pair}
    points = points.filter(polars.col("point").is_in(names))
    settings = [name for name in settings_of(points) if name != SEED]
    return [
        tuple(_of_seeds(axis, group["point"].to_list()) for axis in axes)
        for _, group in points.group_by(settings, maintain_order=True)
        if is_trained(evidence.records[group["point"][0]])
    ]


def _of_seeds(axis: Axis, seeds: Sequence[str]) -> NDArray[np.intp] | None:
    number = {pair: at for at, pair in enumerate(axis.pairs)}
    if not any(point in seeds for pair in axis.pairs for point in pair):
        return None
    return np.array(
        [
            [
                number[seed if worse in seeds else worse, seed if better in seeds else better]
                for worse, better in axis.pairs
            ]
            for seed in seeds
        ]
    )
