"""A quadratic regression curve of an error on features, with slopes of a given sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Literal

import numpy as np
from scipy.optimize import nnls

from saibench.analysis.bootstrap import Floats
from saibench.analysis.trusted_range.directions import FREE

TOLERANCE = 1e-9
"""Of a slope of the wrong sign, relative to its terms."""


@dataclass(frozen=True)
class Quadratic:
    """Polynomial of degree 2 in z = (feature − centre) / width, with all products."""

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

    @property
    def weighted(self) -> frozenset[int]:
        """Columns that the value depends on."""
        columns = range(len(self.centre))
        of_terms = [(), *((one,) for one in columns), *combinations_with_replacement(columns, 2)]
        terms = zip(of_terms, self.coefficients, strict=True)
        return frozenset(column for term, weight in terms if weight for column in term)

    def __call__(self, features: Floats) -> Floats:
        """Values `(samples,)` at features `(samples, features)`."""
        z = (features - np.array(self.centre)) / np.array(self.width)
        return _terms(z) @ np.array(self.coefficients)


def fit_quadratic(
    features: Floats, values: Floats, weights: Floats, directions: Sequence[int]
) -> Quadratic:
    """Weighted least squares; of minimum norm if the samples do not determine all coefficients.

    Along a feature with a direction the slope has this sign between the smallest and the largest
    values of all features. It is linear in them, so that it is tested, and constrained, at the
    corner where it is least, until it has its sign in all corners.
    """
    low, high = features.min(axis=0), features.max(axis=0)
    width = np.where(high > low, (high - low) / 2, 1.0)
    centre = (low + high) / 2
    root = np.sqrt(weights / weights.sum())
    terms = _terms((features - centre) / width)
    matrix, target = terms * root[:, None], values * root
    coefficients = np.linalg.lstsq(matrix, target, rcond=None)[0]
    constraints: list[Floats] = []
    while new := _falling_slopes(coefficients, directions, constraints):
        constraints += new
        coefficients = constrained_least_squares(matrix, target, np.stack(constraints))
    return Quadratic("quadratic", *(tuple(one.tolist()) for one in (centre, width, coefficients)))


def constrained_least_squares(matrix: Floats, target: Floats, constraints: Floats) -> Floats:
    """The x `(terms,)` of the least |matrix · x − target| with constraints · x ≥ 0.

    Args:
        matrix: `(samples, terms)`.
        target: `(samples,)`.
        constraints: `(constraints, terms)`.

    Source: Lawson and Hanson, "Solving least squares problems" (1974), ch. 23: by a change of
    variables to the least norm with z · constraints ≥ limits, whose dual is non-negative least
    squares.
    """
    left, scale, right = np.linalg.svd(matrix, full_matrices=False)
    kept = scale > scale[0] * max(matrix.shape) * np.finfo(float).eps
    back = right[kept].T / scale[kept]
    free = left[:, kept].T @ target
    system = np.vstack([(constraints @ back).T, -constraints @ back @ free])
    multipliers = nnls(system, np.append(np.zeros(len(free)), 1.0))[0]
    residual = system @ multipliers - np.append(np.zeros(len(free)), 1.0)
    return back @ (free - residual[:-1] / residual[-1])


def _terms(z: Floats) -> Floats:
    """1, each z and each product of two, `(samples, terms)`; faster than scikit-learn's."""
    count = z.shape[1]
    pairs = combinations_with_replacement(range(count), 2)
    products = [z[:, first] * z[:, second] for first, second in pairs]
    return np.column_stack([np.ones(len(z)), z, *products])


def _falling_slopes(
    coefficients: Floats, directions: Sequence[int], known: Sequence[Floats]
) -> list[Floats]:
    """Rows `(terms,)` whose product with the coefficients is a slope of the wrong sign.

    Each is the least slope along a feature with a direction over the corners z = ±1. Rows that are
    known already are left out.
    """
    count = len(directions)
    pairs = list(combinations_with_replacement(range(count), 2))
    found = []
    for feature, direction in enumerate(directions):
        if direction == FREE:
            continue
        row = np.zeros(len(coefficients))
        row[1 + feature] = direction
        for at, pair in enumerate(pairs, 1 + count):
            times = pair.count(feature)  # 2 of a square
            row[at] = -times if coefficients[at] > 0 else times
        is_new = not any(np.array_equal(row, one) for one in known)
        if is_new and row @ coefficients < -TOLERANCE * np.abs(row) @ np.abs(coefficients):
            found.append(row)
    return found
