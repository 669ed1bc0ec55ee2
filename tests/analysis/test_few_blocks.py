"""The mean of a slow series: level under the null, and a difference with a trend."""

from __future__ import annotations

import math

import numpy as np
import polars
import pytest
from scipy import stats

from benchmarks.simulation import ar1
from saibench.analysis.few_blocks import PARTS, interval_of_parts, mean_of_series
from saibench.analysis.sample_means import interval_of_means
from saibench.evidence.independence import Independence, marked_index


def series_of(count: int) -> polars.DataFrame:
    ids = np.arange(count)
    frames = polars.DataFrame({"sample_id": ids, "time": ids.astype(float)})
    return marked_index(frames, Independence("time", "time"))


def test_interval_is_that_of_students_t_of_four_means() -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, 80)
    found = interval_of_parts(values)
    means = values.reshape(4, 20).mean(axis=1)
    expected = stats.t.interval(0.95, 3, means.mean(), stats.sem(means))
    assert (found.low, found.high) == pytest.approx(expected)


def test_a_difference_with_a_trend_is_told_from_zero() -> None:
    """Its correlation time is a tenth of the series, so that five of them are no block."""
    rng, samples = np.random.default_rng(1), series_of(400)
    values = np.linspace(200.0, 60.0, 400) + rng.normal(0.0, 20.0, 400)
    assert math.isnan(interval_of_means(lambda mean: mean, samples, values).low)
    found = mean_of_series(samples, values)
    assert found.low > 0 and found.num_blocks == PARTS
    assert found.estimate == pytest.approx(values.mean())
    turned = mean_of_series(samples, np.linspace(-100.0, 100.0, 400) + rng.normal(0, 20, 400))
    assert turned.low < 0 < turned.high


def test_a_slow_series_of_mean_zero_is_rarely_told_from_it() -> None:
    """40 samples of correlation time, 400 samples: the level holds where there are few blocks."""
    rng, samples, memory = np.random.default_rng(2), series_of(400), (2 * 40 - 1) / (2 * 40 + 1)
    rejected = tested = 0
    for _ in range(150):
        found = mean_of_series(samples, ar1(rng, 400, memory))
        if found.num_blocks == PARTS:
            tested += 1
            rejected += not found.low <= 0 <= found.high
    assert tested > 30
    assert rejected <= stats.binom.ppf(0.999, tested, 0.05)


def test_many_blocks_and_short_series_are_left_as_they_are() -> None:
    rng = np.random.default_rng(3)
    fast = rng.normal(1.0, 1.0, 400)
    of_blocks = interval_of_means(lambda mean: mean, series_of(400), fast)
    assert mean_of_series(series_of(400), fast) == of_blocks
    short = np.linspace(1.0, 9.0, 30)
    assert math.isnan(mean_of_series(series_of(30), short).low)


def test_groups_are_not_divided() -> None:
    ids = np.arange(300)
    table = polars.DataFrame({"sample_id": ids, "event": ids // 150})
    samples = marked_index(table, Independence("group", "event"))
    values = np.random.default_rng(4).normal(5.0, 1.0, 300)
    assert math.isnan(mean_of_series(samples, values).low)
