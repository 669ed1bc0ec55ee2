"""Contiguous ranges of samples in the order of a feature, usually time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars

from saibench.datamodules.samplers.features import row_bound, rows_in_order
from saibench.datamodules.samplers.sampler import Sampler, percent
from saibench.errors import UserError
from saibench.options import Fraction, Name, NotNegative, Positive, as_yaml

ROUNDING = 1e-9
"""Tolerance of `start + size <= limit`, for the rounding of decimal fractions."""


@dataclass(frozen=True)
class Window(Sampler):
    """The samples from fraction `start` to `start + size`, in ascending order of `by`.

    Of N samples ordered by `by` (ties by sample_id), these are the rows from floor(start*N) to
    floor((start + size)*N), exclusive. `size=None` extends the window to `limit`, the fraction at
    which the test partition starts; a window beyond it is refused.
    """

    start: NotNegative
    size: Positive | None = None
    by: Name = "time"
    limit: Fraction = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start >= self.limit:
            self._refuse("start", f"is not below window.limit={as_yaml(self.limit)}")
        if self.size is not None and self.start + self.size > self.limit + ROUNDING:
            inside = f"inside the test partition (starts at {as_yaml(self.limit)})"
            raise UserError(
                f"window.start={as_yaml(self.start)} with window.size={as_yaml(self.size)} ends at "
                f"{as_yaml(self.start + self.size)}, "
                f"{'beyond the end of the data' if self.limit == 1 else inside}. "
                f"Use window.size <= {as_yaml(self.limit - self.start)}."
            )

    @property
    def end(self) -> float:
        """The fraction at which the window ends, at most `limit`."""
        return self.limit if self.size is None else min(self.start + self.size, self.limit)

    def select(self, index: polars.DataFrame) -> np.ndarray:
        rows = rows_in_order(index, self._field("by"), self.by)
        return rows[row_bound(self.start, rows.size) : row_bound(self.end, rows.size)]

    def describe(self) -> str:
        return f"samples from {percent(self.start)} to {percent(self.end)} in order of {self.by}"


@dataclass(frozen=True)
class Tail(Sampler):
    """The last fraction `size` of the samples, in ascending order of `by` (ties by sample_id).

    Of N samples it starts at row floor((1 - size)*N), where `Window(..., limit=1 - size)` ends.
    """

    size: Fraction = 0.1
    by: Name = "time"

    def select(self, index: polars.DataFrame) -> np.ndarray:
        rows = rows_in_order(index, self._field("by"), self.by)
        return rows[row_bound(1 - self.size, rows.size) :]

    def describe(self) -> str:
        return f"the last {percent(self.size)} of the samples in order of {self.by}"
