"""Ranks of values, of which equal ones share their mean rank."""

from __future__ import annotations

import numpy as np

from saibench.analysis.bootstrap import Floats


def mean_ranks(values: Floats) -> Floats:
    """Ranks from 1 to N of each column, of the shape of `values`.

    They are those of `scipy.stats.rankdata(values, axis=0)` in half of the time.

    Args:
        values: `(N,)` or `(N, columns)`, without NaN.

    >>> mean_ranks(np.array([0.5, 0.1, 0.5]))
    array([2.5, 1. , 2.5])
    """
    if values.ndim == 2:
        return np.stack([mean_ranks(column) for column in values.T], axis=1)
    order = np.argsort(values)
    ordered, ranks = values[order], np.empty(len(values))
    differs = ordered[1:] != ordered[:-1]
    if differs.all():
        ranks[order] = np.arange(1.0, len(values) + 1)
        return ranks
    ends = np.append(np.flatnonzero(differs) + 1, len(values))
    sizes = np.diff(ends, prepend=0)
    ranks[order] = np.repeat(ends - (sizes - 1) / 2, sizes)
    return ranks
