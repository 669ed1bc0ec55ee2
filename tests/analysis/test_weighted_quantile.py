from __future__ import annotations

import numpy as np
import pytest

from saibench.analysis.weighted_quantile import SORTED, value_reaching, values_reaching

COUNT = 3 * SORTED


def by_sorting(values: np.ndarray, weights: np.ndarray, target: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.searchsorted(np.cumsum(weights[order]), target)
    return float(values[order[min(reached, len(order) - 1)]])


@pytest.mark.parametrize("kind", ["distinct", "ties", "constant", "two heavy"])
def test_value_is_that_of_all_sorted_values(kind: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(size=COUNT)
    weights = rng.random(COUNT)
    if kind == "ties":
        values = np.minimum(np.round(values, 1), 1.0)
    elif kind == "constant":
        values[:] = 2.0
    elif kind == "two heavy":
        weights[:2] = COUNT
    targets = [share * weights.sum() for share in (0.9, 1e-6, 0.1, 0.5, 0.999, 1 - 1e-9, 1.5, 1.6)]
    expected = [by_sorting(values, weights, target) for target in targets]
    assert [value_reaching(values, weights, target) for target in targets] == expected
    assert values_reaching(values, weights, targets) == expected


def test_values_of_which_every_kth_is_alike() -> None:
    values = np.where(np.arange(COUNT) % (COUNT // 4000) == 0, 0.0, np.arange(COUNT) + 1.0)
    weights = np.ones(COUNT)
    assert value_reaching(values, weights, 0.9 * COUNT) == by_sorting(values, weights, 0.9 * COUNT)
