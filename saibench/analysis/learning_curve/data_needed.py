"""How much data a target takes, or why that cannot be said."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.learning_curve.extrapolation import Extrapolation

REACH = 10.0
"""Times the largest size beyond which nothing is said: no size has tested the law there."""

REACHED, ANSWERED, BEYOND, NEVER = "reached", "answered", "beyond", "never"


@dataclass(frozen=True, eq=False)
class DataNeeded:
    """The training set size at which the error falls to a target.

    Args:
        error: the target, as an error.
        verdict: `REACHED` by the smallest size already; `ANSWERED`; `BEYOND` the largest size by
            more than `reach`; `NEVER`, since the law's limit lies above the target.
        size: with its interval; an infinite bound is one that the data do not give. Of `BEYOND`
            and `NEVER` only the lower bound is to be told.
        never: share of the resamplings in which no size would do.
        reach: see `REACH`.
        farthest: samples up to which something is said.
    """

    error: float
    verdict: str
    size: Interval
    never: float
    reach: float
    farthest: float

    @property
    def is_bounded(self) -> bool:
        """Whether the interval ends within reach."""
        return math.isfinite(self.size.high)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether even its lower end lies beyond reach."""
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
        interval = Interval(
            interval.low, interval.estimate, math.inf, interval.num_blocks, interval.count
        )
    return DataNeeded(error, verdict, interval, float(np.isinf(draws).mean()), reach, farthest)


def _of_sizes(found: Extrapolation, size: float, draws: Floats) -> Interval:
    """An interval of sizes, some of which are infinite: that of their logarithms' inverses."""

    def squeezed(sizes: Floats) -> Floats:
        """From 1 at no samples down to 0 at infinitely many, even in the logarithm."""
        return 1 / (1 + np.log1p(sizes))

    inverse = found.curve.interval(float(squeezed(np.array(size))), squeezed(draws))

    def restored(value: float) -> float:
        with np.errstate(over="ignore"):
            return float(np.expm1(1 / value - 1)) if value > 0 else math.inf

    low, high = restored(inverse.high), restored(inverse.low)
    return Interval(low, size, high, inverse.num_blocks, inverse.count)
