"""Intervals of a feature in which a bound is within a tolerance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.evidence.known import TrainingSide
from saibench.evidence.schema import HIGH, LOW

POSITIONS = 2001
"""Grid on which the bound is evaluated in the fitted range; crossings are then bisected."""
BISECTIONS = 60
AGREE = 0.25
"""Share of dissenting splits up to which a verdict counts as conclusive."""
FAR = 100.0
"""Widths of the fitted range that are searched beyond its edges."""


@dataclass(frozen=True)
class ToleranceInterval:
    """Intervals of a feature in which the bound is at most the tolerance.

    Args:
        tolerance: in the statistic's unit.
        feature: its name.
        at: values of the other features.
        low, high: fitted range of the feature.
        intervals: within the fitted range, ascending; empty if there is none.
        below, above: value beyond the fitted range down or up to which the extrapolated bound
            stays within the tolerance; None if it does not, or where training lies. A feature that
            was never below 0, such as a lead time, is not extrapolated below 0.
        lowest_bound, lowest_at: the lowest bound within the fitted range, and its position.
        lowest_bounds: the lowest bound of each split of the blocks.
    """

    tolerance: float
    feature: str
    at: Mapping[str, float]
    low: float
    high: float
    intervals: tuple[tuple[float, float], ...]
    below: float | None
    above: float | None
    lowest_bound: float
    lowest_at: float
    lowest_bounds: tuple[float, ...] = ()

    @property
    def trusted_splits(self) -> int:
        """Number of splits whose own bound is within the tolerance at some position."""
        return sum(bound <= self.tolerance for bound in self.lowest_bounds)

    @property
    def is_inconclusive(self) -> bool:
        """Whether neither nearly all splits trust a part of the range nor nearly none."""
        share = self.trusted_splits / max(1, len(self.lowest_bounds))
        return len(self.lowest_bounds) > 1 and AGREE < share < 1 - AGREE

    def __contains__(self, value: float) -> bool:
        return any(low <= value <= high for low, high in self.intervals)


def tolerance_interval(
    of_splits: Callable[[Floats], Floats],
    low: float,
    high: float,
    tolerance: float,
    feature: str,
    at: Mapping[str, float],
    training: TrainingSide = "",
) -> ToleranceInterval:
    """The intervals of the median bound, each end on the trusted side of the crossing.

    Args:
        of_splits: positions → bounds `(splits, positions)`.
        training: side of the feature's range on which training lies, where nothing is extrapolated.
    """

    def bound(values: Floats) -> Floats:
        return np.median(of_splits(values), axis=0)

    positions = np.linspace(low, high, POSITIONS)
    each = of_splits(positions)
    bounds = np.median(each, axis=0)
    under = bounds <= tolerance
    least = int(np.argmin(bounds))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], under, [False]]).astype(int)))
    intervals = []
    for start, stop in edges.reshape(-1, 2):
        first, last = positions[start], positions[stop - 1]
        if start:
            first = _crossing(bound, first, positions[start - 1], tolerance)
        if stop < POSITIONS:
            last = _crossing(bound, last, positions[stop], tolerance)
        intervals.append((float(first), float(last)))
    reach = FAR * (high - low)
    goes_down, goes_up = under[0] and training != LOW, under[-1] and training != HIGH
    return ToleranceInterval(
        tolerance=tolerance,
        feature=feature,
        at=dict(at),
        low=low,
        high=high,
        intervals=tuple(intervals),
        below=_beyond(bound, low, lower_limit(low, reach), tolerance) if goes_down else None,
        above=_beyond(bound, high, high + reach, tolerance) if goes_up else None,
        lowest_bound=float(bounds[least]),
        lowest_at=float(positions[least]),
        lowest_bounds=tuple(each.min(axis=1).tolist()),
    )


def lower_limit(low: float, reach: float) -> float:
    """`reach` below the fitted range, or 0 if the feature was never negative.

    >>> lower_limit(10.0, 25.0), lower_limit(-1.0, 25.0)
    (0.0, -26.0)
    """
    return max(low - reach, 0.0) if low >= 0 else low - reach


def _beyond(
    bound: Callable[[Floats], Floats], edge: float, far: float, tolerance: float
) -> float | None:
    """The value up to which the bound, which grows from the edge on, is within the tolerance."""
    if far == edge:
        return None
    last = _crossing(bound, edge, far, tolerance)
    return None if last == edge else last


def _crossing(
    bound: Callable[[Floats], Floats], under: float, over: float, tolerance: float
) -> float:
    """The last value before `over` with a bound within the tolerance, by bisection."""
    if bound(np.array([over]))[0] <= tolerance:
        return float(over)
    for _ in range(BISECTIONS):
        middle = (under + over) / 2
        if middle in (under, over):
            break
        if bound(np.array([middle]))[0] <= tolerance:
            under = middle
        else:
            over = middle
    return float(under)
