"""Mutual information of an error and a feature: relations of any shape, not only monotone ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from saibench.interpretation.bootstrap import LEVEL, Floats, Interval
from saibench.interpretation.tracing.permutations import sequential_p_value

NUM_NEIGHBOURS = 3
NUM_HALVES = 40
NUM_PERMUTATIONS = 199
FEW_VALUES = 10
"""A column of at most so many different values is taken as classes."""
MAX_SAMPLES = 1500
"""More are thinned evenly: the estimator is slow, and its bias is below 0.01 nats by then."""


def mutual_information(feature: Floats, response: Floats) -> float:
    """scikit-learn's estimate in nats, of nearest neighbours among the ranks; 0 at least.

    Args:
        feature, response: `(samples,)`; monotone transformations change nothing.

    Source: Kraskov, Stögbauer, Grassberger, Phys. Rev. E 69, 066138 (2004); for classes Ross,
    PLoS ONE 9, e87357 (2014).
    """
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    ranks = stats.rankdata(np.stack([feature, response], axis=1), axis=0) / len(response)
    options = {"n_neighbors": NUM_NEIGHBOURS, "random_state": 0}
    is_class = _is_class(feature)
    column = _classes(feature)[:, None] if is_class else ranks[:, :1]
    if _is_class(response):
        labels = _classes(response)
        return float(mutual_info_classif(column, labels, discrete_features=is_class, **options)[0])
    return float(
        mutual_info_regression(column, ranks[:, 1], discrete_features=is_class, **options)[0]
    )


def information_interval(
    feature: Floats, response: Floats, blocks: NDArray[np.int64], seed: int = 0
) -> Interval:
    """The estimate with an interval from halves of the blocks, drawn without replacement.

    Samples drawn twice would be each other's nearest neighbours, so blocks are left out, not
    drawn again: the spread over halves is that of the estimate (Shao and Wu, Ann. Statist. 17,
    1989).
    """
    feature, response, blocks = thinned(feature, response, blocks)
    estimate = mutual_information(feature, response)
    labels, block_of = np.unique(blocks, return_inverse=True)
    if len(labels) < 4:
        return Interval(math.nan, estimate, math.nan, len(labels), len(feature))
    rng = np.random.default_rng(seed)
    halves = []
    for _ in range(NUM_HALVES):
        kept = np.zeros(len(labels), dtype=bool)
        kept[rng.permutation(len(labels))[: len(labels) // 2]] = True
        own = kept[block_of]
        halves.append(mutual_information(feature[own], response[own]))
    reach = stats.t.ppf((1 + LEVEL) / 2, len(labels) - 1) * float(np.std(halves, ddof=1))
    return Interval(
        max(0.0, estimate - reach), estimate, estimate + reach, len(labels), len(feature)
    )


def information_p_value(feature: Floats, response: Floats, length: int, seed: int = 0) -> float:
    """By permuting the response in pieces of `length` neighbours; samples in their order."""
    step = _step(len(feature))
    feature, response = feature[::step], response[::step]

    def statistic(index: NDArray[np.int64]) -> float:
        return mutual_information(feature, response[index])

    return sequential_p_value(
        statistic, len(feature), max(1, round(length / step)), NUM_PERMUTATIONS, seed
    )


def thinned(*columns: NDArray) -> list[NDArray]:
    """Every so many-th sample, where there are more than `MAX_SAMPLES`."""
    return [column[:: _step(len(column))] for column in columns]


def _step(num_samples: int) -> int:
    return math.ceil(num_samples / MAX_SAMPLES)


def _classes(column: Floats) -> NDArray[np.int64]:
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def _is_class(column: Floats) -> bool:
    return len(np.unique(column)) <= FEW_VALUES
