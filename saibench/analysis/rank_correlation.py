"""Spearman's rank correlation of weighted samples, in the form that `block_bootstrap` resamples."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Floats

SAME_RANK = 1e-9
"""Spread of ranks, relative to their number, that is rounding: all samples are equal."""
TINY = 1e-12
"""Variance of ranks that is rounding: the third column explains all."""
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
    root = np.sqrt(weights)
    ranks = np.stack([root * standard_ranks(column, weights) for column in values.T], axis=2)
    return ranks.transpose(0, 2, 1) @ ranks


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
    distinct, tie = np.unique(column, return_inverse=True)
    order = np.argsort(tie, kind="stable")
    starts = np.searchsorted(tie[order], np.arange(len(distinct)))
    tied = np.add.reduceat(weights[:, order], starts, axis=1)
    below = np.cumsum(tied, axis=1) - tied
    ranks, total = (below + (tied + 1) / 2)[:, tie], weights.sum(axis=1, keepdims=True)
    ranks -= (weights * ranks).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((weights * ranks**2).sum(axis=1, keepdims=True))
    spread[spread < SAME_RANK * total] = np.nan
    return ranks / spread
