from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from saibench.analysis.mean_ranks import mean_ranks

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=500),
        RNG.integers(0, 7, 500).astype(float),
        np.ones(5),
        np.array([np.inf, -np.inf, 0.0, -0.0, np.inf]),
        np.array([]),
        np.column_stack([RNG.normal(size=300), RNG.integers(0, 3, 300)]),
    ],
    ids=["distinct", "ties", "constant", "infinite", "empty", "columns"],
)
def test_ranks_are_those_of_scipy(values: np.ndarray) -> None:
    np.testing.assert_array_equal(mean_ranks(values), rankdata(values, axis=0))
