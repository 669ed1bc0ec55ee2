"""Observed and predicted growth or decay of events (paper eq. 8, fig. 19)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.nowcasting.errors import RainErrors, RainModel
from saibench.metrics.nowcasting.functional.formulas import quadrant_members, rate_trend


@dataclass(frozen=True, eq=False)
class Trends:
    """Change of each event's mean rain rate since the first target frame, mm/h, NaN if undefined.

    Both are differences from the *observed* first frame.
    """

    observed: Floats
    predicted: Floats

    def quadrants(self) -> list[int]:
        """Numbers of events in quadrants I to IV; events on an axis are in none."""
        members = quadrant_members(self.observed, self.predicted)
        return [int(of_quadrant.sum()) for of_quadrant in members]

    @property
    def count(self) -> int:
        """Number of events for which both are defined."""
        return int((~np.isnan(self.observed) & ~np.isnan(self.predicted)).sum())


def differential_trend(errors: RainErrors, model: RainModel, lead: int) -> Trends:
    """Trends up to a lead time in minutes, of the mean prediction over seeds."""
    observed, predicted = (
        errors.values(model, rate) for rate in ("observed_rate", "predicted_rate")
    )
    trend = rate_trend(observed, predicted, start=0, leads=[errors.position_of(lead)])
    return Trends(trend.observed[:, 0], trend.predicted[:, 0])
