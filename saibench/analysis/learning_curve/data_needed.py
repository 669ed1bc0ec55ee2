"""The number of training samples that a target error needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.learning_curve.extrapolation import Extrapolation

REACH = 10.0
"""Multiple of the largest size up to which the law is extrapolated."""

REACHED, ANSWERED, BEYOND, NEVER = "reached", "answered", "beyond", "never"


@dataclass(frozen=True, eq=False)
class DataNeeded:
    """The training set size at which the error falls to a target.

    Args:
        error: the target, as an error.
        verdict: `REACHED` by the smallest size; `ANSWERED`; `BEYOND` the largest size by more than
            `reach`; `NEVER`, since the law's limit is above the target.
        size: with its interval, whose upper bound is infinite if it is beyond reach. For `BEYOND`
            and `NEVER` only the lower bound is meaningful.
        never: share of the resamplings in which no size reaches the target.
        reach: see `REACH`.
        farthest: largest size to which the law is extrapolated.
    """

    error: float
    verdict: str
    size: Interval
    never: float
    reach: float
    farthest: float

    @property
    def is_bounded(self) -> bool:
        """Whether the interval has an upper bound within reach."""
        return math.isfinite(self.size.high)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether even the lower bound is beyond reach."""
        return self.size.low > self.farthest


def data_needed(found: Extrapolation, error: float, reach: float = REACH) -> DataNeeded:
    """The size at which the error of `found` falls to `error`."""
    sizes = found.curve.sizes
    size, draws = found.needed(error)
    farthest = reach * float(sizes[-1])
    if error >= found.curve.errors[0]:
        verdict = REACHED
    elif math.isinf(size):
        verdict = NEVER
    else:
        verdict = ANSWERED if size <= farthest else BEYOND
    interval = _of_sizes(found, size, draws)
    if interval.high > farthest:
        interval = replace(interval, high=math.inf)
    return DataNeeded(error, verdict, interval, float(np.isinf(draws).mean()), reach, farthest)


def _of_sizes(found: Extrapolation, size: float, draws: Floats) -> Interval:
    """An interval of sizes, some infinite, computed on the scale 1 / (1 + log(1 + size))."""

    def inverted(sizes: Floats) -> Floats:
        return 1 / (1 + np.log1p(sizes))

    inverse = found.curve.interval(float(inverted(np.array(size))), inverted(draws))

    def restored(value: float) -> float:
        with np.errstate(over="ignore"):
            return float(np.expm1(1 / value - 1)) if value > 0 else math.inf

    low, high = restored(inverse.high), restored(inverse.low)
    return Interval(low, size, high, inverse.num_blocks, inverse.count)
