"""Rank correlation of two columns where a third is held still."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.analysis.correlation import weighted_ranks

TINY = 1e-12
"""Variance of ranks that is rounding: the third column leaves nothing to correlate."""

SAME_RANK = 1e-9
"""Spread of ranks, relative to their number, that is rounding: all samples are equal."""


def partial_spearman(values: Floats, weights: Floats) -> Floats:
    """Spearman's partial correlation of the first two columns given the third.

    (ρ₁₂ − ρ₁₃ρ₂₃) / √((1 − ρ₁₃²)(1 − ρ₂₃²)): what is left of their relation among samples of
    equal third column. One number a row of weights; NaN where a column is constant or has the
    same order as the third.

    Args:
        values: `(samples, 3)`.
        weights: `(resamplings, samples)`.
    """
    first, second, third = (standard_ranks(values[:, column], weights) for column in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        pair = (weights * first * second).sum(axis=1)
        with_first = (weights * first * third).sum(axis=1)
        with_second = (weights * second * third).sum(axis=1)
        left = (1 - with_first**2) * (1 - with_second**2)
        left[left < TINY] = np.nan
        return (pair - with_first * with_second) / np.sqrt(left)


def standard_ranks(column: Floats, weights: Floats) -> Floats:
    """Weighted ranks of mean 0 whose weighted squares sum to 1; NaN where all are equal."""
    ranks, total = weighted_ranks(column, weights), weights.sum(axis=1, keepdims=True)
    ranks -= (weights * ranks).sum(axis=1, keepdims=True) / total
    spread = np.sqrt((weights * ranks**2).sum(axis=1, keepdims=True))
    spread[spread < SAME_RANK * total] = np.nan
    return ranks / spread
