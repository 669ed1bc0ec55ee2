"""The mean of a slow series: level under the null, and a difference with a trend."""

from __future__ import annotations

import math

import numpy as np
import polars
import pytest
from scipy import linalg, stats

from benchmarks.simulation import ar1
from saibench.analysis.few_blocks import (
    PARTS,
    corrected_time,
    interval_of_parts,
    mean_of_series,
    variance_ratio,
)
from saibench.analysis.sample_means import interval_of_means
from saibench.evidence.autocorrelation import correlation_time
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


@pytest.mark.parametrize(("number", "length"), [(4, 1.5), (4, 12.0), (10, 5.0), (60, 5.0)])
def test_variance_ratio_is_that_of_an_ar1_series(number: int, length: float) -> None:
    """From the covariance matrix of a finely sampled series."""
    size = 40
    memory = np.exp(-length / size)
    covariance = linalg.toeplitz(memory ** np.arange(number * size))
    of_means = covariance.reshape(number, size, number, size).mean(axis=(1, 3))
    variance = of_means.mean()
    suggested = (np.trace(of_means) - number * variance) / (number - 1) / number
    assert variance_ratio(number, length) == pytest.approx(variance / suggested, rel=0.01)


def test_correlation_time_of_a_short_series_is_corrected_for_its_mean() -> None:
    """20 samples; the mean of the estimate from 20 correlation times is a third too small."""
    rng, time = np.random.default_rng(5), 20.0
    series = [ar1(rng, 400, (2 * time - 1) / (2 * time + 1)) for _ in range(200)]
    found = np.array([corrected_time(one) for one in series])
    raw = np.array([correlation_time([one]) for one in series])
    assert abs(found.mean() - time) < 0.7 * abs(raw.mean() - time)
    assert found.max() <= 400


def test_a_series_of_few_blocks_is_not_told_from_its_mean_too_often() -> None:
    """50 correlation times, about six blocks of five of them: their own interval misses 8 %."""
    rng, samples, memory = np.random.default_rng(6), series_of(400), (2 * 8 - 1) / (2 * 8 + 1)
    found = [mean_of_series(samples, ar1(rng, 400, memory)) for _ in range(400)]
    assert np.median([one.num_blocks for one in found]) < 12
    missed = sum(not one.low <= 0 <= one.high for one in found)
    assert missed <= stats.binom.ppf(0.99, len(found), 0.05)


def test_undefined_samples_are_no_part_of_the_series() -> None:
    values = ar1(np.random.default_rng(7), 400, 0.5)
    gaps = np.insert(values, 100, [np.nan] * 50)
    found, complete = mean_of_series(series_of(450), gaps), mean_of_series(series_of(400), values)
    assert found == complete and found.count == 400


def test_a_short_series_is_not_divided_into_parts() -> None:
    assert math.isnan(mean_of_series(series_of(30), np.linspace(1.0, 9.0, 30)).low)


def test_independent_samples_have_their_own_blocks() -> None:
    values = np.random.default_rng(3).normal(1.0, 1.0, 400)
    samples = polars.DataFrame({"sample_id": np.arange(400)})
    found = mean_of_series(samples, values)
    of_blocks = interval_of_means(lambda mean: mean, samples, values)
    assert (found.low, found.high) == pytest.approx((of_blocks.low, of_blocks.high))
    assert found.num_blocks == of_blocks.num_blocks


def test_groups_are_not_divided() -> None:
    ids = np.arange(300)
    table = polars.DataFrame({"sample_id": ids, "event": ids // 150})
    samples = marked_index(table, Independence("group", "event"))
    values = np.random.default_rng(4).normal(5.0, 1.0, 300)
    assert math.isnan(mean_of_series(samples, values).low)
