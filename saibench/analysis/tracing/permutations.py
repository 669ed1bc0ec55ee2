"""Permutation tests that keep neighbouring samples together.

Samples in order of time are correlated, so permuting single samples gives p-values that are far too
small. The series is closed to a ring, cut at a random place into pieces as long as a block, and the
pieces are permuted: autocorrelation is kept, the relation to the features is removed. Independent
samples are pieces of one. Declared groups are permuted as a whole.

Source: circular blocks: Politis and Romano (in Exploring the Limits of Bootstrap, Wiley 1992);
permuted residuals for partial correlations: Freedman and Lane (J. Bus. Econ. Stat. 1, 1983).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import MAX_WEIGHTS, Floats

NUM_PERMUTATIONS = 1999


def block_permutations(
    num_samples: int, length: int, num: int = NUM_PERMUTATIONS, seed: int = 0
) -> Iterator[NDArray[np.int64]]:
    """Yield index rows `(some, num_samples)`, `num` in all, in pieces of `length` neighbours."""
    rng = np.random.default_rng(seed)
    piece = np.arange(num_samples) // max(1, length)
    rows = max(1, MAX_WEIGHTS // max(1, num_samples))
    for start in range(0, num, rows):
        some = min(rows, num - start)
        orders = rng.permuted(np.tile(np.arange(piece[-1] + 1), (some, 1)), axis=1)
        if len(piece) > piece[-1] + 1:
            shuffled = np.argsort(orders[:, piece], axis=1, kind="stable")
        else:  # the order of single samples is the inverse of their places
            shuffled = np.empty_like(orders)
            np.put_along_axis(shuffled, orders, piece[None], axis=1)
        yield (shuffled + rng.integers(num_samples, size=(some, 1))) % num_samples


def group_permutations(
    groups: NDArray[np.int64], length: int = 1, num: int = NUM_PERMUTATIONS, seed: int = 0
) -> Iterator[NDArray[np.int64]]:
    """Yield index rows `(some, samples)`, `num` in all, that permute whole groups.

    The place of a group takes the samples of one other group, cyclically from a random one on: each
    once if the groups are equally large, else some never or several times.

    Args:
        groups: `(samples,)` labels; neighbouring groups may be correlated.
        length: number of neighbouring groups permuted together.
    """
    group, size = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    by_group = np.argsort(group, kind="stable")
    first = np.cumsum(size) - size
    within = np.empty(len(group), dtype=np.int64)
    within[by_group] = np.arange(len(group)) - np.repeat(first, size)
    rng = np.random.default_rng([seed, 1])
    rows = max(1, MAX_WEIGHTS // max(1, len(group)))
    for orders in block_permutations(len(size), length, num, seed):
        for start in range(0, len(orders), rows):
            of_place = orders[start : start + rows]
            shift = rng.integers(size[of_place])
            place = within + shift[:, group]
            source = of_place[:, group]
            yield by_group[first[source] + place % size[source]]


def permutations(
    count: int,
    length: int,
    groups: NDArray[np.int64] | None,
    num: int = NUM_PERMUTATIONS,
    seed: int = 0,
) -> Iterator[NDArray[np.int64]]:
    """Index rows of `count` samples: `group_permutations` if groups are declared, else pieces."""
    if groups is None:
        return block_permutations(count, length, num, seed)
    return group_permutations(groups, length, num, seed)


def p_value(larger: int, num: int) -> float:
    """(1 + number of permutations that reach the observed value) / (1 + permutations)."""
    return (1 + larger) / (1 + num)


def correlation_p_values(
    ranks: Floats,
    length: int,
    num: int = NUM_PERMUTATIONS,
    seed: int = 0,
    groups: NDArray[np.int64] | None = None,
    num_first: int | None = None,
) -> tuple[Floats, Floats]:
    """p-values of ρ and of the partial ρ of the first column with each other.

    Args:
        ranks: `(samples, columns)` from `ranks_of`, in the order in which neighbours are
            correlated.
        length: of the pieces, in samples, or in groups.
        groups: `(samples,)` labels of declared groups, which are permuted as a whole.
        num_first: number of features, the first ones, that are controlled for each other only; by
            default all.

    Returns:
        two arrays `(columns − 1,)`; NaN where a column is constant or follows from the others.
    """
    response, features = ranks[:, 0], ranks[:, 1:]
    first = features.shape[1] if num_first is None else num_first
    residuals = [
        _residuals(ranks[:, : 1 + first] if column < first else ranks, column)
        for column in range(features.shape[1])
    ]
    observed = np.abs(response @ features)
    partial = [
        abs(own @ of_feature) / np.sqrt((own @ own) * (of_feature @ of_feature))
        for own, of_feature, _ in residuals
    ]
    larger = np.zeros((2, features.shape[1]))
    for index in permutations(len(ranks), length, groups, num, seed):
        larger[0] += (np.abs(_standard(response[index]) @ features) >= observed - 1e-12).sum(axis=0)
        for column, (own, of_feature, others) in enumerate(residuals):
            permuted = own[index]
            spread = (permuted**2).sum(axis=1) - ((permuted @ others) ** 2).sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):  # few groups may leave no spread
                found = np.abs(permuted @ of_feature) / np.sqrt(spread * (of_feature @ of_feature))
            larger[1, column] += (found >= partial[column] - 1e-12).sum()
    p_values = (1 + larger) / (1 + num)
    undefined = np.isnan(np.stack([observed, np.array(partial)]))
    p_values[undefined] = np.nan
    return p_values[0], p_values[1]


def _standard(rows: Floats) -> Floats:
    """Rows standardized to mean 0 and squares that sum to 1; 0 where constant."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 1e-9)


def _residuals(ranks: Floats, column: int) -> tuple[Floats, Floats, Floats]:
    """Residuals of response and feature given the other columns, and an orthonormal basis of them.

    NaN where a residual is zero.
    """
    rest = np.delete(ranks[:, 1:], column, axis=1)
    rest = np.hstack([np.ones((len(ranks), 1)), rest])
    basis, triangle = np.linalg.qr(rest)
    basis = basis[:, np.abs(np.diagonal(triangle)) > 1e-9]
    left = [values - basis @ (basis.T @ values) for values in (ranks[:, 0], ranks[:, 1 + column])]
    own, of_feature = (np.where(part @ part > 1e-9, part, np.nan) for part in left)
    return own, of_feature, basis
