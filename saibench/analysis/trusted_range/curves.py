"""Functions of features that an error may follow: a sum of monotone ones, or a quadratic one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.stats import rankdata

from saibench.analysis.bootstrap import Floats

Kind = Literal["monotone", "quadratic"]
RISING, FALLING = 1, -1
NUM_GROUPS = 32
"""Groups of like feature that a monotone function has at most where samples are dense."""
FEWEST = 10
"""Samples of a group, so that a single one at the edge does not decide the function there."""
NUM_SWEEPS = 50
_SETTLED = 1e-10


@dataclass(frozen=True)
class Steps:
    """A function of one feature: linear between positions, constant beyond the first and last."""

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
    """constant + Σ_j steps_j(feature j), each rising (1) or falling (−1) as `directions` say."""

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

    def __call__(self, features: Floats) -> Floats:
        """Values `(samples,)` at features `(samples, features)`."""
        parts = (steps(features[:, column]) for column, steps in enumerate(self.steps))
        return self.constant + sum(parts, np.zeros(len(features)))


@dataclass(frozen=True)
class Quadratic:
    """Polynomial of degree 2 in z = (feature − centre) / width, all products included."""

    kind: Literal["quadratic"]
    centre: tuple[float, ...]
    width: tuple[float, ...]
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        degree = len(self.centre)
        if len(self.width) != degree or min(self.width, default=0) <= 0:
            raise ValueError("centre and width do not fit together")
        if len(self.coefficients) != (degree + 1) * (degree + 2) // 2:
            raise ValueError("coefficients and features do not fit together")

    def __call__(self, features: Floats) -> Floats:
        """Values `(samples,)` at features `(samples, features)`."""
        z = (features - np.array(self.centre)) / np.array(self.width)
        return _terms(z) @ np.array(self.coefficients)


Curve = Monotone | Quadratic


def fit_curve(
    kind: Kind, features: Floats, values: Floats, weights: Floats, directions: Sequence[int]
) -> Curve:
    """Weighted least squares of `values` `(samples,)` on `features` `(samples, features)`."""
    if kind == "monotone":
        return fit_monotone(features, values, weights, directions)
    return fit_quadratic(features, values, weights)


def estimate_directions(features: Floats, values: Floats, weights: Floats) -> tuple[int, ...]:
    """Of each feature, the sign of its coefficient in a linear fit of ranks to ranks."""
    ranks = np.column_stack([rankdata(features, axis=0), np.ones(len(features))])
    root = np.sqrt(weights)
    slopes = np.linalg.lstsq(ranks * root[:, None], rankdata(values) * root, rcond=None)[0]
    return tuple(FALLING if slope < 0 else RISING for slope in slopes[:-1])


def fit_monotone(
    features: Floats, values: Floats, weights: Floats, directions: Sequence[int]
) -> Monotone:
    """Isotonic regression on groups of like feature; of several features, by backfitting.

    Sums of monotone functions: Bacchetti, "Additive isotonic models", J. Am. Stat. Assoc. 84
    (1989).
    """
    weights = weights / weights.sum()
    constant = float(weights @ values)
    groups = [feature_groups(column) for column in features.T]
    parts = np.zeros_like(features)
    steps: list[Steps] = []
    for _ in range(1 if len(groups) == 1 else NUM_SWEEPS):
        before = parts.copy()
        steps = []
        for column, (group, direction) in enumerate(zip(groups, directions, strict=True)):
            others = parts.sum(axis=1) - parts[:, column]
            left = values - constant - others
            fitted = _isotonic(features[:, column], left, weights, group, direction)
            steps.append(fitted)
            parts[:, column] = fitted(features[:, column])
        if np.abs(parts - before).max() <= _SETTLED * max(np.abs(parts).max(), 1e-300):
            break
    rising = tuple(RISING if direction > 0 else FALLING for direction in directions)
    return Monotone("monotone", constant, tuple(steps), rising)  # type: ignore[arg-type]


def fit_quadratic(features: Floats, values: Floats, weights: Floats) -> Quadratic:
    """Weighted least squares; a coefficient that the samples leave open is 0 or shared."""
    low, high = features.min(axis=0), features.max(axis=0)
    width = np.where(high > low, (high - low) / 2, 1.0)
    centre = (low + high) / 2
    root = np.sqrt(weights / weights.sum())
    terms = _terms((features - centre) / width)
    coefficients = np.linalg.lstsq(terms * root[:, None], values * root, rcond=None)[0]
    return Quadratic("quadratic", floats(centre), floats(width), floats(coefficients))


def feature_groups(feature: Floats) -> NDArray[np.int64]:
    """A group for each sample, ascending with its feature; equal values are never parted.

    A group ends where it has a share of 1/32 of the samples, or, with 10 at least, where it spans
    1/16 of the feature's range: a long thin tail is resolved too. It also ends before a gap of
    that width; what is too few for a group joins the one below.
    """
    distinct, value_of, counts = np.unique(feature, return_inverse=True, return_counts=True)
    share = max(FEWEST, math.ceil(len(feature) / NUM_GROUPS))
    span = (distinct[-1] - distinct[0]) / (NUM_GROUPS // 2)
    gap = np.append(np.diff(distinct) >= max(span, np.finfo(float).tiny), True)
    total, gaps = np.cumsum(counts), np.flatnonzero(gap)
    group_of = np.empty(len(distinct), dtype=np.int64)
    group, begin = 0, 0
    while begin < len(distinct):
        before = total[begin - 1] if begin else 0
        full = np.searchsorted(total, before + share)
        enough = np.searchsorted(total, before + FEWEST)
        wide = max(enough, np.searchsorted(distinct, distinct[begin] + span))
        parted = gaps[gaps >= (begin if group else enough)][:1]
        end = min(full, wide, *parted, len(distinct) - 1)
        few = total[end] - before < FEWEST and group > 0
        group -= few
        group_of[begin : end + 1] = group
        group, begin = group + 1, end + 1
    return group_of[value_of]


def floats(values: NDArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _isotonic(
    feature: Floats, values: Floats, weights: Floats, group: NDArray[np.int64], direction: int
) -> Steps:
    held = np.bincount(group, weights)
    first = np.unique(np.sort(group), return_index=True)[1]
    ordered = np.sort(feature)  # as the groups ascend with the feature
    mean_feature = np.bincount(group, weights * feature) / held
    positions = np.clip(
        mean_feature, ordered[first], np.append(ordered[first[1:] - 1], ordered[-1])
    )
    means = np.bincount(group, weights * values) / held
    fitted = isotonic_regression(means, weights=held, increasing=direction > 0).x
    return Steps(floats(positions), floats(fitted))


def _terms(z: Floats) -> Floats:
    """1, each z and each product of two: `(samples, terms)`."""
    count = z.shape[1]
    pairs = combinations_with_replacement(range(count), 2)
    products = [z[:, first] * z[:, second] for first, second in pairs]
    return np.column_stack([np.ones(len(z)), z, *products])
