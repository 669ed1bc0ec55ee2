"""Mutual information of an error and a feature: relations of any shape, not only monotone ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from saibench.analysis.bootstrap import LEVEL, Floats, Interval
from saibench.analysis.tracing.neighbours import of_classes, of_numbers, with_noise
from saibench.analysis.tracing.permutations import p_value, permutations

NUM_NEIGHBOURS = 3
NUM_HALVES = 40
NUM_PERMUTATIONS = 199
ENOUGH_LARGER = 10
FEWEST_BLOCKS = 4
FEW_VALUES = 10
"""A column of at most so many different values is taken as classes."""
MAX_SAMPLES = 1500
"""More are thinned evenly: the estimator is slow, and its bias is below 0.01 nats by then."""


def mutual_information(features: Floats, response: Floats) -> Floats:
    """Estimates in nats, of nearest neighbours among the ranks; 0 at least.

    Args:
        features: `(samples, features)`; monotone transformations change nothing.
        response: `(samples,)`.

    Returns:
        `(features,)`.

    Source: Kraskov, Stögbauer, Grassberger, Phys. Rev. E 69, 066138 (2004); for classes Ross,
    PLoS ONE 9, e87357 (2014).
    """
    from sklearn.metrics import mutual_info_score

    rng = np.random.RandomState(0)
    are_classes = [_is_class(column) for column in features.T]
    numbers = [number for number, is_class in enumerate(are_classes) if not is_class]
    ranks = with_noise(stats.rankdata(features[:, numbers], axis=0), rng)
    columns = dict(zip(numbers, ranks.T, strict=True))
    found = np.empty(len(are_classes))
    if _is_class(response):
        label = _classes(response)
        for number, column in columns.items():
            found[number] = of_classes(column, label, NUM_NEIGHBOURS)
        for number in np.flatnonzero(are_classes).tolist():
            found[number] = mutual_info_score(_classes(features[:, number]), label)
        return found
    target = with_noise(stats.rankdata(response), rng)
    for number, column in columns.items():
        found[number] = of_numbers(column, target, NUM_NEIGHBOURS)
    for number in np.flatnonzero(are_classes).tolist():
        found[number] = of_classes(target, _classes(features[:, number]), NUM_NEIGHBOURS)
    return found


def information_intervals(
    features: Floats, response: Floats, blocks: NDArray[np.int64], seed: int = 0
) -> list[Interval]:
    """The estimates with intervals from halves of the blocks, drawn without replacement.

    Samples drawn twice would be each other's nearest neighbours, so blocks are left out, not
    drawn again: the spread over halves is that of the estimate (Shao and Wu, Ann. Statist. 17,
    1989).
    """
    every = _step(len(response))
    features, response, blocks = features[::every], response[::every], blocks[::every]
    estimates = mutual_information(features, response)
    labels, block_of = np.unique(blocks, return_inverse=True)
    rng = np.random.default_rng(seed)
    halves = []
    for _ in range(NUM_HALVES if len(labels) >= FEWEST_BLOCKS else 0):
        kept = np.zeros(len(labels), dtype=bool)
        kept[rng.permutation(len(labels))[: len(labels) // 2]] = True
        own = kept[block_of]
        halves.append(mutual_information(features[own], response[own]))
    spread = np.std(halves, axis=0, ddof=1) if halves else np.full(len(estimates), np.nan)
    reach = stats.t.ppf((1 + LEVEL) / 2, len(labels) - 1) * spread
    return [
        Interval(max(0.0, one - own), one, one + own, len(labels), len(response))
        if np.isfinite(own)
        else Interval(math.nan, one, math.nan, len(labels), len(response))
        for one, own in zip(estimates.tolist(), reach.tolist(), strict=True)
    ]


def information_p_values(
    features: Floats,
    response: Floats,
    length: int,
    seed: int = 0,
    groups: NDArray[np.int64] | None = None,
) -> list[float]:
    """By permuting the response in pieces of `length` neighbours; samples in their order.

    Of declared `groups`, whole ones are permuted, in pieces of `length` groups.

    A feature whose value is reached by ten permutations is tested no further (Besag and Clifford,
    Biometrika 78, 1991): its p-value is 10 / those made.
    """
    every = _step(len(response))
    features, response = features[::every], response[::every]
    observed = mutual_information(features, response)
    larger, made = np.zeros(len(observed), dtype=int), np.zeros(len(observed), dtype=int)
    if groups is None:
        length = max(1, round(length / every))
    else:
        groups = groups[::every]
    rows = permutations(len(response), length, groups, NUM_PERMUTATIONS, seed)
    for index in (index for some in rows for index in some):
        open_ = np.flatnonzero(larger < ENOUGH_LARGER)
        if not len(open_):
            break
        found = mutual_information(features[:, open_], response[index])
        larger[open_] += found >= observed[open_]
        made[open_] += 1
    return [
        reached / num if reached == ENOUGH_LARGER else p_value(reached, num)
        for reached, num in zip(larger.tolist(), made.tolist(), strict=True)
    ]


def _step(num_samples: int) -> int:
    return math.ceil(num_samples / MAX_SAMPLES)


def _classes(column: Floats) -> NDArray[np.int64]:
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def _is_class(column: Floats) -> bool:
    return len(np.unique(column)) <= FEW_VALUES
