"""The best and the worst angle about the beam by which jets are turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saibench.interpretation.bootstrap import Floats
from saibench.interpretation.jet_scores import JetScore


def extremes(of_angles: Sequence[JetScore]) -> tuple[int, int]:
    """Positions of the best and of the worst of these scores."""
    values = np.array([score.estimate for score in of_angles])
    if np.isnan(values).all():
        return 0, 0
    return int(np.nanargmax(values)), int(np.nanargmin(values))


def best_less_worst(values: Floats) -> Floats:
    """Of the columns (best, worst)."""
    return values[:, 0] - values[:, 1]
