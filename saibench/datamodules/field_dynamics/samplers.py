"""Selection of whole trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars

from saibench.datamodules.samplers.features import by_sample_id, numeric_feature, row_bound
from saibench.datamodules.samplers.sampler import Sampler, percent
from saibench.options import Fraction, Name, NotNegative


@dataclass(frozen=True)
class TrajectoryWindow(Sampler):
    """Samples of the trajectories from fraction `start` to `stop`, ascending by sample_id.

    Of R trajectories in the order of their number these are the ones from floor(start R) to
    floor(stop R), exclusive, so that no trajectory is divided between two windows that adjoin.
    """

    start: NotNegative = 0.0
    stop: Fraction = 1.0
    by: Name = "trajectory"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start >= self.stop:
            self._refuse("start", f"is not below trajectorywindow.stop={self.stop:g}. Use a "
                         "smaller start")  # fmt: skip

    def select(self, index: polars.DataFrame) -> np.ndarray:
        number = numeric_feature(index, self._field("by"), self.by)
        known = np.unique(number)
        chosen = known[row_bound(self.start, known.size) : row_bound(self.stop, known.size)]
        return by_sample_id(index, np.flatnonzero(np.isin(number, chosen)).astype(np.int64))

    def describe(self) -> str:
        return f"samples of the trajectories from {percent(self.start)} to {percent(self.stop)}"
