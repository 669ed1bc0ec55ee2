"""Shapley shares of an error's variance that the features explain in cross-validation.

The error's rank is regressed on polynomials of the features' ranks for every subset of the
features, with cross-validation over blocks. A feature's share is its Shapley value: its gain in R²,
averaged over the orders in which features may be added. The shares sum to the R² of all features;
the share of a feature that explains nothing may be slightly negative. Features of the model are
added after those of the data, which they depend on: their share is beyond that of the data.

Source: Shapley values of R²: Lindeman, Merenda, Gold, Introduction to Bivariate and Multivariate
Analysis (1980); as population quantities with intervals from held-out predictions: Williamson and
Feng, ICML (2020). Causes before what depends on them (asymmetric values): Frye, Rowat, Feige,
NeurIPS (2020).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import factorial

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from saibench.analysis.block_numbers import rows_by_block
from saibench.analysis.bootstrap import Floats, Interval, block_bootstraps
from saibench.analysis.mean_ranks import mean_ranks
from saibench.errors import UserError

MAX_FEATURES = 10
"""Of the data, and of the model: 1,024 subsets each; a further feature doubles them."""
DEGREES = (1, 2, 3)
FOLDS = 10
RIDGE = 1e-6


@dataclass(frozen=True)
class Explained:
    """Shares of the variance of an error's rank.

    Args:
        shares: of each feature.
        together: R² of all features.
        degree: of the polynomials that predict best.
    """

    shares: tuple[Interval, ...]
    together: Interval
    degree: int


def explained_shares(
    features: Floats,
    response: Floats,
    blocks: NDArray[np.int64],
    seed: int = 0,
    num_first: int | None = None,
) -> Explained:
    """Shapley shares of the features, with intervals from resampling blocks of predictions.

    Fits are not repeated when blocks are resampled: their variance matters less to R² than that
    of the test samples.

    Args:
        features: `(samples, features)`.
        response: `(samples,)`.
        blocks: `(samples,)` labels of at least two blocks.
        num_first: number of features, the first ones, that are added before the others; by default
            all.

    Raises:
        UserError: more than `MAX_FEATURES` are first, or follow.
    """
    count = features.shape[1]
    first = count if num_first is None else num_first
    most = max(first, count - first)
    if most > MAX_FEATURES:
        raise UserError(
            f"Shares of {most} features need {2**most:,} regressions. Use --feature with at most "
            f"{MAX_FEATURES} names."
        )
    labels, block_of = np.unique(blocks, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(len(labels)) % min(FOLDS, len(labels))
    subsets = _subsets(first)
    whole = subsets[-1]
    subsets += [np.append(whole, first + later) for later in _subsets(count - first)[1:]]
    grades, rank = (2 * mean_ranks(features) - 1) / len(response) - 1, mean_ranks(response)
    grams = {degree: _grams(grades, rank, block_of, degree) for degree in DEGREES}
    losses = {degree: _losses(grams[degree], folds, degree, subsets[-1:]) for degree in DEGREES}
    degree = min(DEGREES, key=lambda degree: float(losses[degree].sum()))
    all_losses = _losses(grams[degree], folds, degree, subsets)
    weigh = np.zeros((len(subsets), count + 1))
    weigh[: 2**first, :first] = _shapley(first)
    weigh[2**first - 1 :, first:count] = _shapley(count - first)
    weigh[-1, -1], weigh[0, -1] = 1, -1  # all features less none

    def statistic(values: Floats, weights: Floats) -> Floats:
        total = weights @ values
        with np.errstate(invalid="ignore", divide="ignore"):  # an error that never varies: NaN
            return (1 - total / total[:, :1]) @ weigh

    intervals = block_bootstraps(all_losses, np.arange(len(labels)), statistic, of_means=True)
    *shares, together = (replace(one, count=len(response)) for one in intervals)
    return Explained(tuple(shares), together, degree)


def _grams(grades: Floats, rank: Floats, block_of: NDArray[np.intp], degree: int) -> Floats:
    """Gram matrix of `[1, polynomials of each feature …, response]` of each block.

    Args:
        grades: ranks of the features from −1 to 1, `(samples, features)`.
        rank: of the response, `(samples,)`.
    """
    count = len(rank)
    polynomials = legvander(grades, degree)[..., 1:].reshape(count, -1)
    target = (rank - rank.mean()) / max(float(rank.std()), 1e-300)
    columns = np.hstack([np.ones((count, 1)), polynomials, target[:, None]])
    order, starts = rows_by_block(block_of, int(block_of.max()) + 1)
    return np.stack([part.T @ part for part in np.split(columns[order], starts[1:])])


def _losses(
    grams: Floats, folds: NDArray[np.int64], degree: int, subsets: list[NDArray[np.intp]]
) -> Floats:
    """Sum of squared errors of each block, `(blocks, subsets)`, predicted from other folds."""
    found = np.empty((len(grams), len(subsets)))
    total = grams.sum(axis=0)
    for fold in np.unique(folds):
        fitted = total - grams[folds == fold].sum(axis=0)
        factors = np.zeros((len(subsets), grams.shape[1]))
        factors[:, -1] = -1.0
        for own, subset in zip(factors, subsets, strict=True):
            polynomials = [
                1 + degree * feature + power for feature in subset for power in range(degree)
            ]
            used = np.array([0, *polynomials])
            normal = fitted[np.ix_(used, used)]
            normal = normal + RIDGE * np.trace(normal) / len(used) * np.eye(len(used))
            own[used] = np.linalg.solve(normal, fitted[used, -1])
        for block in np.flatnonzero(folds == fold):
            found[block] = np.einsum("si,si->s", factors @ grams[block], factors)
    return found


def _subsets(count: int) -> list[NDArray[np.intp]]:
    """All subsets of `count` features, from none to all; bit k of a place is feature k."""
    return [
        np.flatnonzero([number >> bit & 1 for bit in range(count)]) for number in range(2**count)
    ]


def _shapley(count: int) -> Floats:
    """Weight of each subset's R² in each feature's Shapley value, `(2**count, count)`."""
    weights = np.zeros((2**count, count))
    for number in range(2**count):
        size = number.bit_count()
        for feature in range(count):
            if number >> feature & 1:
                own = factorial(size - 1) * factorial(count - size) / factorial(count)
                weights[number, feature] += own
                weights[number ^ (1 << feature), feature] -= own
    return weights
