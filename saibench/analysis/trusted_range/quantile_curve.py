"""Curves of an error's conditional quantile, each up to a factor that calibration finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import lsq_linear

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.curves import (
    MIN_GROUP,
    Monotone,
    Steps,
    feature_groups,
    fit_monotone,
    floats,
    group_positions,
)
from saibench.analysis.trusted_range.trees import Trees, fit_trees

QuantileKind = Literal["log-linear", "isotonic", "trees"]
TAIL_SAMPLES = 3
"""Samples of a group that are expected above its quantile."""
FLOOR = 1e-2
"""Lower limit of an error in its logarithm, as a share of the mean error."""
RIDGE = 1e-2
"""Penalty of standardised coefficients, relative to the variance of a feature."""


@dataclass(frozen=True)
class LogLinear:
    """constant + Σ_j coefficient_j · feature_j, with the logarithm of features that allow it.

    Args:
        logarithmic: whether a feature enters by its logarithm; those that were always positive.
        least: lower limit of each feature.
    """

    kind: Literal["log-linear"]
    constant: float
    coefficients: tuple[float, ...]
    logarithmic: tuple[bool, ...]
    least: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.coefficients) == len(self.logarithmic) == len(self.least):
            raise ValueError("coefficients and features differ in number")
        for logarithmic, least in zip(self.logarithmic, self.least, strict=True):
            if logarithmic and least <= 0:
                raise ValueError("the logarithm of a feature is undefined")

    @property
    def weighted(self) -> frozenset[int]:
        """Columns that the value depends on; a coefficient is 0 where its sign would be wrong."""
        return frozenset(np.flatnonzero(self.coefficients).tolist())

    def __call__(self, features: Floats) -> Floats:
        """Values `(samples,)` at features `(samples, features)`."""
        terms = _terms(np.maximum(features, self.least), self.logarithmic)
        return self.constant + terms @ np.array(self.coefficients)


@dataclass(frozen=True)
class Exponential:
    """exp(index(features)).

    Args:
        index: expected logarithm of the error.
    """

    index: LogLinear | Trees

    @property
    def kind(self) -> QuantileKind:
        return self.index.kind

    def __call__(self, features: Floats) -> Floats:
        """Quantiles `(samples,)` at features `(samples, features)`."""
        return np.exp(self.index(features))


@dataclass(frozen=True)
class Isotonic:
    """steps(index(features)), rising in the index.

    Args:
        index: expected logarithm of the error, additive; of a single feature the feature itself,
            with its direction.
        steps: the quantile at each index.
    """

    index: Monotone
    steps: Steps

    def __post_init__(self) -> None:
        if (np.diff(self.steps.values) < 0).any():
            raise ValueError("a quantile falls with its index")

    @property
    def kind(self) -> QuantileKind:
        return "isotonic"

    def __call__(self, features: Floats) -> Floats:
        """Quantiles `(samples,)` at features `(samples, features)`."""
        return self.steps(self.index(features))


QuantileCurve = Isotonic | Exponential


def fit_quantile_curve(
    kind: QuantileKind,
    features: Floats,
    errors: Floats,
    weights: Floats,
    directions: Sequence[int],
    coverage: float,
) -> QuantileCurve:
    """Fit the `coverage`-quantile of the errors, or the exponential of their mean logarithm.

    Args:
        features: `(samples, features)`.
        errors, weights: `(samples,)`; errors are not negative.
        directions: of each feature, rising (1) or falling (−1); of log-linear also free (0).
    """
    logarithm = np.log(np.maximum(errors, FLOOR * max(float(errors.mean()), 1e-300)))
    if kind == "log-linear":
        return Exponential(fit_log_linear(features, logarithm, weights, directions))
    if kind == "trees":
        return Exponential(fit_trees(features, logarithm, weights, directions))
    if features.shape[1] == 1:
        index = _itself(features[:, 0], directions[0])
    else:
        index = fit_monotone(features, logarithm, weights, directions)
    return Isotonic(index, isotonic_quantile(index(features), errors, weights, coverage))


def fit_log_linear(
    features: Floats, logarithm: Floats, weights: Floats, directions: Sequence[int]
) -> LogLinear:
    """Ridge regression of the logarithm of the errors, with coefficients of the directions' sign.

    Source: Stark and Parker, "Bounded-variable least squares", Comput. Stat. 10 (1995).
    """
    weights = weights / weights.sum()
    least = features.min(axis=0)
    logarithmic = tuple(bool(low > 0) for low in least)
    terms = _terms(features, logarithmic)
    centre = weights @ terms
    width = np.sqrt(weights @ (terms - centre) ** 2)
    width = np.where(width > 0, width, 1.0)
    standard, constant = (terms - centre) / width, float(weights @ logarithm)
    normal = (standard.T * weights) @ standard + RIDGE * np.eye(len(width))
    moments = (standard.T * weights) @ (logarithm - constant)
    root = np.linalg.cholesky(normal)  # |rootᵀ x − root⁻¹ moments|² is the loss but for a constant
    signs = np.array(directions)
    limits = np.where(signs > 0, 0.0, -np.inf), np.where(signs < 0, 0.0, np.inf)
    slopes = lsq_linear(root.T, np.linalg.solve(root, moments), limits, method="bvls").x / width
    return LogLinear(
        "log-linear", constant - float(slopes @ centre), floats(slopes), logarithmic, floats(least)
    )


def isotonic_quantile(feature: Floats, values: Floats, weights: Floats, level: float) -> Steps:
    """The rising function of a feature that minimises the pinball loss at this level.

    Groups of similar feature have their weighted quantile; adjacent groups that fall are pooled
    until none does.

    Source: Poiraud-Casanova and Thomas-Agnan, "About monotone regression quantiles", Stat. Probab.
    Lett. 48 (2000).
    """
    least = max(MIN_GROUP, math.ceil(TAIL_SAMPLES / (1 - level)))
    group = feature_groups(feature, least)
    order = np.lexsort((values, group))
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    pools: list[tuple[float, int, Floats, Floats]] = []  # quantile, groups, values, weights
    for own in np.split(order, starts[1:]):
        pool = weighted_quantile(values[own], weights[own], level), 1, values[own], weights[own]
        while pools and pools[-1][0] > pool[0]:
            _, count, before, their_weights = pools.pop()
            merged = np.concatenate([before, pool[2]])
            both = np.concatenate([their_weights, pool[3]])
            pool = weighted_quantile(merged, both, level), count + pool[1], merged, both
        pools.append(pool)
    fitted = np.repeat([pool[0] for pool in pools], [pool[1] for pool in pools])
    return Steps(floats(group_positions(feature, weights, group)), floats(fitted))


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """The smallest value with at least this share of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    at = np.searchsorted(total, level * total[-1] * (1 - 1e-12))
    return float(values[order[min(int(at), len(order) - 1)]])


def _itself(feature: Floats, direction: int) -> Monotone:
    """The feature as an index, or its negative."""
    low, high = float(feature.min()), float(feature.max())
    if high == low:
        steps = Steps((low,), (0.0,))
    else:
        steps = Steps((low, high), (direction * low, direction * high))
    return Monotone("monotone", 0.0, (steps,), (1 if direction > 0 else -1,))


def _terms(features: Floats, logarithmic: Sequence[bool]) -> Floats:
    columns = zip(features.T, logarithmic, strict=True)
    return np.stack([np.log(own) if take else own for own, take in columns], axis=1)
