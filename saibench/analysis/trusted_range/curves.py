"""Regression curves of an error on features: a sum of monotone functions, or a quadratic one.

Directions say how a curve may change along each feature: rise (1), fall (−1), or both (0). With a
distance to training it may not fall, whatever the fitted errors do.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.directions import FALLING, RISING
from saibench.analysis.trusted_range.quadratic import Quadratic, fit_quadratic

Kind = Literal["monotone", "quadratic"]
NUM_GROUPS = 32
"""Largest number of groups of similar feature where samples are dense."""
MIN_GROUP = 10
"""Samples of a group, so that no single sample decides the function at the edge."""
NUM_SWEEPS = 10
_CONVERGED = 1e-3


@dataclass(frozen=True)
class Steps:
    """A function of one feature: linear between positions, constant outside."""

    positions: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.positions) != len(self.values) or not self.positions:
            raise ValueError("positions and values differ in number")
        if (np.diff(self.positions) <= 0).any():
            raise ValueError("positions do not ascend")

    def __call__(self, feature: Floats) -> Floats:
        return np.interp(feature, self.positions, self.values)


@dataclass(frozen=True)
class Monotone:
    """constant + Σ_j steps_j(feature j), each rising (1) or falling (−1) by `directions`."""

    kind: Literal["monotone"]
    constant: float
    steps: tuple[Steps, ...]
    directions: tuple[Literal[1, -1], ...]

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.directions):
            raise ValueError("steps and directions differ in number")
        for steps, direction in zip(self.steps, self.directions, strict=True):
            if (direction * np.diff(steps.values) < 0).any():
                raise ValueError("a monotone function is not monotone")

    @property
    def weighted(self) -> frozenset[int]:
        """Columns that the value depends on."""
        return frozenset(at for at, one in enumerate(self.steps) if len(set(one.values)) > 1)

    def __call__(self, features: Floats) -> Floats:
        """Values `(samples,)` at features `(samples, features)`."""
        parts = (steps(features[:, column]) for column, steps in enumerate(self.steps))
        return self.constant + sum(parts, np.zeros(len(features)))


Curve = Monotone | Quadratic


def fit_curve(
    kind: Kind, features: Floats, values: Floats, weights: Floats, directions: Sequence[int]
) -> Curve:
    """Weighted least squares of `values` `(samples,)` on `features` `(samples, features)`."""
    fit = fit_monotone if kind == "monotone" else fit_quadratic
    return fit(features, values, weights, directions)


def fit_monotone(
    features: Floats, values: Floats, weights: Floats, directions: Sequence[int]
) -> Monotone:
    """Isotonic regression on groups of similar feature; for several features by backfitting.

    Source: Bacchetti, "Additive isotonic models", J. Am. Stat. Assoc. 84
    (1989).
    """
    weights = weights / weights.sum()
    constant = float(weights @ values)
    columns = [_Grouped.of(column, weights) for column in features.T]
    fitted = [np.zeros(len(column.positions)) for column in columns]
    parts = np.zeros_like(features)
    for _ in range(1 if len(columns) == 1 else NUM_SWEEPS):
        before = parts.copy()
        for at, (column, direction) in enumerate(zip(columns, directions, strict=True)):
            others = parts.sum(axis=1) - parts[:, at]
            fitted[at] = column.isotonic(values - constant - others, direction)
            parts[:, at] = np.interp(column.feature, column.positions, fitted[at])
        if np.abs(parts - before).max() <= _CONVERGED * max(np.abs(parts).max(), 1e-300):
            break
    steps = (
        Steps(floats(column.positions), floats(of_column))
        for column, of_column in zip(columns, fitted, strict=True)
    )
    rising = tuple(RISING if direction > 0 else FALLING for direction in directions)
    return Monotone("monotone", constant, tuple(steps), rising)  # type: ignore[arg-type]


def feature_groups(feature: Floats, least: int = MIN_GROUP) -> NDArray[np.int64]:
    """A group for each sample, ascending with its feature; equal values share a group.

    A group ends at 1/32 of the samples, or, with at least 10 samples (`least`), at 1/16 of the
    feature's range, so that a long thin tail is resolved too. It also ends before a gap of that
    width; too few samples for a group join the one below.
    """
    distinct, value_of, counts = np.unique(feature, return_inverse=True, return_counts=True)
    share = max(least, math.ceil(len(feature) / NUM_GROUPS))
    span = (distinct[-1] - distinct[0]) / (NUM_GROUPS // 2)
    gap = np.append(np.diff(distinct) >= max(span, np.finfo(float).tiny), True)
    total, gaps = np.cumsum(counts).tolist(), np.flatnonzero(gap).tolist()
    ascending, last = distinct.tolist(), len(distinct) - 1
    group_of = np.empty(len(distinct), dtype=np.int64)
    group, begin = 0, 0
    while begin <= last:
        before = total[begin - 1] if begin else 0
        full = bisect_left(total, before + share)
        enough = bisect_left(total, before + least)
        wide = max(enough, bisect_left(ascending, ascending[begin] + span))
        parted = gaps[bisect_left(gaps, begin if group else enough) :][:1]
        end = min(full, wide, *parted, last)
        group -= total[end] - before < least and group > 0
        group_of[begin : end + 1] = group
        group, begin = group + 1, end + 1
    return group_of[value_of]


def floats(values: NDArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@dataclass(frozen=True, eq=False)
class _Grouped:
    """A feature `(samples,)` with its groups: label and weight of each sample, and positions."""

    feature: Floats
    weights: Floats
    group: NDArray[np.int64]
    total: Floats
    positions: Floats

    @classmethod
    def of(cls, feature: Floats, weights: Floats) -> _Grouped:
        group = feature_groups(feature)
        total = np.bincount(group, weights).astype(np.float64)
        return cls(feature, weights, group, total, group_positions(feature, weights, group))

    def isotonic(self, values: Floats, direction: int) -> Floats:
        """Isotonic regression of the groups' means, `(groups,)`."""
        means = np.bincount(self.group, self.weights * values) / self.total
        return isotonic_regression(means, weights=self.total, increasing=direction > 0).x


def group_positions(feature: Floats, weights: Floats, group: NDArray[np.int64]) -> Floats:
    """Mean feature of each group, `(groups,)` ascending."""
    first = np.unique(np.sort(group), return_index=True)[1]
    ordered = np.sort(feature)  # groups ascend with the feature
    mean = np.bincount(group, weights * feature) / np.bincount(group, weights)
    return np.clip(mean, ordered[first], np.append(ordered[first[1:] - 1], ordered[-1]))
