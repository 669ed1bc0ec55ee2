"""Rank correlation of weighted samples, in the form that `block_bootstrap` resamples."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Floats


def spearman(values: Floats, weights: Floats) -> Floats:
    """Spearman's rank correlation of two columns, one number a row of weights.

    With whole weights it is what repeating each sample so often would give. NaN where a column
    is constant.

    Args:
        values: `(samples, 2)`.
        weights: `(resamplings, samples)`.
    """
    first = weighted_ranks(values[:, 0], weights)
    second = weighted_ranks(values[:, 1], weights)
    total = weights.sum(axis=1, keepdims=True)
    first -= (weights * first).sum(axis=1, keepdims=True) / total
    second -= (weights * second).sum(axis=1, keepdims=True) / total
    spread = (weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights * first * second).sum(axis=1) / np.sqrt(spread)


def weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """Mean rank of each sample among the weighted ones, ties shared: `(resamplings, samples)`."""
    distinct, tie = np.unique(values, return_inverse=True)
    tied = np.zeros((len(weights), len(distinct)))
    order = np.argsort(tie, kind="stable")
    starts = np.searchsorted(tie[order], np.arange(len(distinct)))
    tied[:] = np.add.reduceat(weights[:, order], starts, axis=1)
    below = np.cumsum(tied, axis=1) - tied
    return (below + (tied + 1) / 2)[:, tie]
