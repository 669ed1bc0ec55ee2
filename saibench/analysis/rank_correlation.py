"""Spearman's rank correlation of weighted samples, in the form that `block_bootstrap` resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats

SAME_RANK = 1e-9
"""Spread of ranks, relative to their number, that is rounding: all samples are equal."""
TINY = 1e-12
"""Variance of ranks that is rounding: the third column explains all."""
IN_CACHE = 100_000
"""Weights that are ranked at once, which fit into a processor's cache."""
SINGULAR = 1e-9
"""Smallest eigenvalue of rank correlations below which a column follows from the others."""


def spearman(values: Floats, weights: Floats) -> Floats:
    """Spearman's ρ of two columns, `(resamplings,)`; NaN where a column is constant.

    Integer weights give the result of repeating each sample as often.

    Args:
        values: `(samples, 2)`.
        weights: `(resamplings, samples)`.
    """
    first, second = (standard_ranks(column, weights) for column in values.T)
    return (weights * first * second).sum(axis=1)


def partial_spearman(values: Floats, weights: Floats) -> Floats:
    """Partial ρ of the first two columns, controlling for the third: `(resamplings,)`.

    (ρ₁₂ − ρ₁₃ρ₂₃) / √((1 − ρ₁₃²)(1 − ρ₂₃²)); NaN where a column is constant or has the order of the
    third.

    Args:
        values: `(samples, 3)`.
        weights: `(resamplings, samples)`.
    """
    rho = rank_correlations(values, weights)
    pair, with_first, with_second = rho[:, 0, 1], rho[:, 0, 2], rho[:, 1, 2]
    left = (1 - with_first**2) * (1 - with_second**2)
    left[left < TINY] = np.nan
    return (pair - with_first * with_second) / np.sqrt(left)


def rank_correlations(values: Floats, weights: Floats) -> Floats:
    """Spearman's ρ of every two columns: `(resamplings, columns, columns)`.

    Args:
        values: `(samples, columns)`.
        weights: `(resamplings, samples)`.
    """
    order = [RankOrder.of(column) for column in values.T]
    found = np.empty((len(weights), len(order), len(order)))
    rows = max(1, IN_CACHE // max(1, len(values)))
    for start in range(0, len(weights), rows):
        some = weights[start : start + rows]
        root, ranks = np.sqrt(some), np.empty((len(some), len(order), len(values)))
        for column, one in enumerate(order):
            np.multiply(one.standard_ranks(some), root, out=ranks[:, column])
        found[start : start + rows] = ranks @ ranks.transpose(0, 2, 1)
    return found


def partial_with_first(correlations: Floats) -> Floats:
    """Partial ρ of the first column with each other, controlling for all the rest.

    −P₀ⱼ / √(P₀₀ Pⱼⱼ) of the inverse P of the correlations, which is the correlation of the
    residuals of linear regressions of ranks on the rest. `(resamplings, columns − 1)`; NaN where a
    column is constant or follows from the others.

    Source: Whittaker, Graphical Models in Applied Multivariate Statistics (1990), §5.8.
    """
    found = np.full((len(correlations), correlations.shape[1] - 1), np.nan)
    finite = np.isfinite(correlations).all(axis=(1, 2))
    regular = np.zeros(len(correlations), dtype=bool)
    regular[finite] = np.linalg.eigvalsh(correlations[finite])[:, 0] > SINGULAR
    inverse = np.linalg.inv(correlations[regular])
    scale = np.sqrt(inverse[:, :1, 0] * np.diagonal(inverse, axis1=1, axis2=2)[:, 1:])
    found[regular] = -inverse[:, 0, 1:] / scale
    return found


def ranks_of(values: Floats) -> Floats:
    """Ranks of each column, ties shared, of mean 0 and squares that sum to 1; `(samples, c)`."""
    even = np.ones((1, len(values)))
    return np.stack([standard_ranks(column, even)[0] for column in values.T], axis=1)


def standard_ranks(column: Floats, weights: Floats) -> Floats:
    """Weighted mean ranks, standardized; NaN where all values are equal.

    Their weighted mean is 0 and their weighted squares sum to 1.

    Args:
        column: `(samples,)`; ties share a rank.
        weights: `(resamplings, samples)`.

    Returns:
        `(resamplings, samples)`.
    """
    return RankOrder.of(column).standard_ranks(weights)


@dataclass(frozen=True, eq=False)
class RankOrder:
    """The order of a column's values.

    Args:
        order: `(samples,)` rows in ascending order.
        place: `(samples,)` place of each sample in the order, or of its tie among the ties.
        starts: places at which ties start; None if all values differ.
    """

    order: NDArray[np.intp]
    place: NDArray[np.intp]
    starts: NDArray[np.intp] | None

    @classmethod
    def of(cls, column: Floats) -> RankOrder:
        order = np.argsort(column)
        begins = np.diff(column[order], prepend=np.nan) != 0  # also at the first, after NaN
        place = np.empty(len(column), dtype=np.intp)
        place[order] = np.cumsum(begins) - 1
        return cls(order, place, None if begins.all() else np.flatnonzero(begins))

    def standard_ranks(self, weights: Floats) -> Floats:
        """See the function `standard_ranks`."""
        tied = weights[:, self.order]
        if self.starts is not None:
            tied = np.add.reduceat(tied, self.starts, axis=1)
        ranks = np.cumsum(tied, axis=1)
        ranks -= (tied - 1) / 2
        ranks, total = ranks[:, self.place], weights.sum(axis=1, keepdims=True)
        ranks -= np.einsum("rs,rs->r", weights, ranks)[:, None] / total
        spread = np.sqrt(np.einsum("rs,rs,rs->r", weights, ranks, ranks))[:, None]
        spread[spread < SAME_RANK * total] = np.nan
        ranks /= spread
        return ranks
