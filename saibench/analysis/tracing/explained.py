"""Which share of an error's variation each feature explains, where nothing was fitted to it.

The error's rank is regressed on polynomials of the features' ranks for every subset of the
features, always on other blocks than those that are predicted. A feature's share is its Shapley
value: what it adds to the explained share R², averaged over the orders in which features may be
added. Shares sum to what all features explain together; one that explains nothing may have a
share a little below 0.

Source: Shapley values of R²: Lindeman, Merenda, Gold, Introduction to Bivariate and Multivariate
Analysis (1980); as population quantities with intervals from predictions that were not fitted:
Williamson and Feng, ICML (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from scipy.stats import rankdata

from saibench.analysis.bootstrap import Floats, Interval, block_bootstraps
from saibench.errors import UserError

MAX_FEATURES = 10
"""1,024 subsets; each further feature doubles them."""
DEGREES = (1, 2, 3)
FOLDS = 10
RIDGE = 1e-6


@dataclass(frozen=True)
class Explained:
    """Shares of the variation of an error's rank.

    Args:
        shares: of each feature.
        together: what all features explain.
        degree: of the polynomials, the one that predicts best.
    """

    shares: tuple[Interval, ...]
    together: Interval
    degree: int


def explained_shares(
    features: Floats, response: Floats, blocks: NDArray[np.int64], seed: int = 0
) -> Explained:
    """Shapley shares of the features, with intervals from resampling blocks of predictions.

    The fits stay as they are when blocks are resampled: how well another fit would do changes R²
    less than which samples it is measured on.

    Args:
        features: `(samples, features)`.
        response: `(samples,)`.
        blocks: `(samples,)`, two at least.

    Raises:
        UserError: there are more than `MAX_FEATURES`.
    """
    count = features.shape[1]
    if count > MAX_FEATURES:
        raise UserError(
            f"shares of {count} features need {2**count:,} regressions; --feature with at most "
            f"{MAX_FEATURES} names would work."
        )
    labels, block_of = np.unique(blocks, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(len(labels)) % min(FOLDS, len(labels))
    subsets = [
        np.flatnonzero([number >> bit & 1 for bit in range(count)]) for number in range(2**count)
    ]
    losses = {
        degree: _losses(_grams(features, response, block_of, degree), folds, degree, subsets[-1:])
        for degree in DEGREES
    }
    degree = min(DEGREES, key=lambda degree: float(losses[degree].sum()))
    all_losses = _losses(_grams(features, response, block_of, degree), folds, degree, subsets)
    weigh = np.hstack([_shapley(count), np.zeros((2**count, 1))])
    weigh[-1, -1], weigh[0, -1] = 1, -1  # all features less none

    def statistic(values: Floats, weights: Floats) -> Floats:
        total = weights @ values
        with np.errstate(invalid="ignore", divide="ignore"):  # an error that never varies: NaN
            return (1 - total / total[:, :1]) @ weigh

    *shares, together = block_bootstraps(
        all_losses, np.arange(len(labels)), statistic, of_means=True
    )
    found = [_of(interval, len(response)) for interval in (*shares, together)]
    return Explained(tuple(found[:-1]), found[-1], degree)


def _of(interval: Interval, count: int) -> Interval:
    return Interval(interval.low, interval.estimate, interval.high, interval.num_blocks, count)


def _grams(features: Floats, response: Floats, block_of: NDArray[np.intp], degree: int) -> Floats:
    """Sums over each block of products of `[1, polynomials of each feature …, response]`."""
    count = len(response)
    grades = (2 * rankdata(features, axis=0) - 1) / count - 1
    polynomials = legvander(grades, degree)[..., 1:].reshape(count, -1)
    rank = rankdata(response)
    target = (rank - rank.mean()) / max(float(rank.std()), 1e-300)
    columns = np.hstack([np.ones((count, 1)), polynomials, target[:, None]])
    order = np.argsort(block_of, kind="stable")
    bounds = np.searchsorted(block_of[order], np.arange(1, block_of.max() + 1))
    return np.stack([part.T @ part for part in np.split(columns[order], bounds)])


def _losses(
    grams: Floats, folds: NDArray[np.int64], degree: int, subsets: list[NDArray[np.intp]]
) -> Floats:
    """Squared errors summed over each block, `(blocks, subsets)`, predicted from other folds."""
    found = np.empty((len(grams), len(subsets)))
    total = grams.sum(axis=0)
    others = {fold: total - grams[folds == fold].sum(axis=0) for fold in np.unique(folds)}
    for number, subset in enumerate(subsets):
        polynomials = [
            1 + degree * feature + power for feature in subset for power in range(degree)
        ]
        used = np.array([0, *polynomials])
        for fold, fitted in others.items():
            normal = fitted[np.ix_(used, used)]
            normal = normal + RIDGE * np.trace(normal) / len(used) * np.eye(len(used))
            factors = np.append(np.linalg.solve(normal, fitted[used, -1]), -1.0)
            own, ends = folds == fold, np.append(used, grams.shape[1] - 1)
            found[own, number] = np.einsum(
                "i,bij,j->b", factors, grams[own][:, ends[:, None], ends], factors
            )
    return found


def _shapley(count: int) -> Floats:
    """`(2**count, count)`: what R² of each subset counts for in each feature's value."""
    weights = np.zeros((2**count, count))
    for number in range(2**count):
        size = number.bit_count()
        for feature in range(count):
            if number >> feature & 1:
                own = factorial(size - 1) * factorial(count - size) / factorial(count)
                weights[number, feature] += own
                weights[number ^ (1 << feature), feature] -= own
    return weights
