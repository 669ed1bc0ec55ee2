"""Rank correlations of several columns at once, and partial ones with all others held still."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.partial_correlation import standard_ranks

SINGULAR = 1e-9
"""Smallest eigenvalue of rank correlations below which a column follows from the others."""


def rank_correlations(values: Floats, weights: Floats) -> Floats:
    """Spearman's ρ of every two columns: `(resamplings, columns, columns)`.

    Args:
        values: `(samples, columns)`.
        weights: `(resamplings, samples)`.
    """
    root = np.sqrt(weights)
    ranks = np.stack([root * standard_ranks(column, weights) for column in values.T], axis=2)
    return ranks.transpose(0, 2, 1) @ ranks


def with_first(correlations: Floats) -> Floats:
    """ρ of the first column with each other: `(resamplings, columns − 1)`."""
    return correlations[:, 0, 1:]


def partial_with_first(correlations: Floats) -> Floats:
    """Partial ρ of the first column with each other, all the rest held still.

    −P₀ⱼ / √(P₀₀ Pⱼⱼ) of the inverse P of the correlations, which is the correlation of what a
    linear regression of ranks on the rest leaves. `(resamplings, columns − 1)`; NaN where a column
    is constant or follows from the others.

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
