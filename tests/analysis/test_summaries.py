"""Intervals of root mean squares and quantiles."""

from __future__ import annotations

import numpy as np
import polars
import pytest

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import draw_blocks
from saibench.analysis.summaries import quantiles, summary_interval
from saibench.evidence.summary import summary

RNG = np.random.default_rng(11)


def samples(count: int) -> polars.DataFrame:
    return polars.DataFrame({"sample_id": np.arange(count)})


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_weighted_quantile_equals_that_of_repeated_values(share: float) -> None:
    values, weights = RNG.normal(size=40), RNG.integers(0, 4, size=(25, 40))
    expected = [np.quantile(np.repeat(values, row), share) for row in weights]
    np.testing.assert_allclose(quantiles(values, weights.astype(float), share), expected)


def test_bounds_of_a_root_mean_square_are_roots_of_those_of_the_mean_square() -> None:
    values = RNG.normal(size=300)
    found = summary_interval(values, samples(300), summary("root_mean_square"))
    squares = np.square(values)
    mean = find_blocks(samples(300), squares).mean(squares)
    assert found is not None
    assert found.estimate == pytest.approx(np.sqrt(np.mean(values**2)))
    assert (found.low**2, found.high**2) == pytest.approx((mean.low, mean.high))


def test_the_interval_of_a_quantile_is_from_resampled_blocks() -> None:
    values = RNG.exponential(size=120)
    found = summary_interval(values, samples(120), summary("quantile_0.9"))
    assert found is not None and found.num_blocks == 120
    draws = draw_blocks(120, seed=0).astype(int)
    resampled = [np.quantile(np.repeat(values, row), 0.9) for row in draws]
    low, high = np.quantile(resampled, [0.025, 0.975])
    assert found.estimate == pytest.approx(np.quantile(values, 0.9))
    assert found.low == pytest.approx(low, abs=0.05) and found.high == pytest.approx(high, abs=0.1)


def test_intervals_of_a_quantile_cover_the_true_one() -> None:
    summed, covered = summary("quantile_abs_0.8"), 0
    for _ in range(100):
        found = summary_interval(RNG.normal(size=200), samples(200), summed)
        assert found is not None
        covered += found.low <= 1.2815515655446004 <= found.high
    assert covered >= 87  # of 100 at 95 %: fewer than 1 in 1000 studies


def test_failures_have_no_mean_but_a_quantile() -> None:
    values = np.where(np.arange(60) < 3, np.inf, RNG.normal(size=60))
    values[5] = np.nan
    assert summary_interval(values, samples(60), summary("root_mean_square")) is None
    median = summary_interval(values, samples(60), summary("quantile_0.5"))
    assert median is not None and median.count == 59
    assert median.estimate == pytest.approx(np.quantile(values[~np.isnan(values)], 0.5))
    assert summary_interval(np.full(4, np.nan), samples(4), summary("quantile_0.5")) is None
