from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from saibench.analysis.bootstrap import (
    block_bootstrap,
    contiguous_blocks,
    jackknife_cumulants,
    mean_cumulants,
    mean_interval,
    weighted_mean,
)
from saibench.analysis.rank_correlation import spearman


def ar1(rng: np.random.Generator, series: int, length: int, memory: float) -> np.ndarray:
    """Stationary AR(1) series of unit variance, `(series, length)`."""
    noise = rng.standard_normal((series, length)) * math.sqrt(1 - memory**2)
    noise[:, 0] /= math.sqrt(1 - memory**2)
    values = np.empty_like(noise)
    values[:, 0] = noise[:, 0]
    for step in range(1, length):
        values[:, step] = memory * values[:, step - 1] + noise[:, step]
    return values


def test_a_skewed_mean_has_the_interval_of_the_bootstrap_t() -> None:
    values = np.random.default_rng(1).lognormal(size=60)
    low, high = bootstrap_t(values)
    ours = block_bootstrap(values, np.arange(60))
    assert ours.estimate == pytest.approx(values.mean(), rel=1e-12)
    assert ours.high - ours.estimate > 1.3 * (ours.estimate - ours.low)
    assert ours.low == pytest.approx(low, abs=0.06 * (high - low))
    assert ours.high == pytest.approx(high, abs=0.06 * (high - low))
    assert (ours.num_blocks, ours.count) == (60, 60)


def bootstrap_t(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean, of order 1/n on either side as ours is (Efron, 1981)."""
    drawn = np.random.default_rng(2).choice(values, (20_000, len(values)))
    t = (drawn.mean(axis=1) - values.mean()) / stats.sem(drawn, axis=1)
    of_low, of_high = np.quantile(t, [0.975, 0.025])
    return values.mean() - of_low * stats.sem(values), values.mean() - of_high * stats.sem(values)


def test_long_tailed_means_are_covered_more_often_than_by_percentiles() -> None:
    rng = np.random.default_rng(9)
    above = {"means": 0, "percentiles": 0}
    for values in rng.lognormal(size=(600, 20)):
        blocks = np.arange(20)
        of_mean = block_bootstrap(values, blocks, num_resamples=500)
        plain = block_bootstrap(values, blocks, lambda v, w: weighted_mean(v, w), num_resamples=500)
        above["means"] += math.exp(0.5) > of_mean.high
        above["percentiles"] += math.exp(0.5) > plain.high
    assert above["means"] < 0.75 * above["percentiles"]


def test_a_symmetric_mean_has_students_interval() -> None:
    values = np.concatenate([np.arange(1, 8.0), -np.arange(1, 8.0)])
    ours = block_bootstrap(values, np.arange(14))
    half = stats.t.ppf(0.975, 13) * stats.sem(values)
    assert (ours.low, ours.high) == pytest.approx((-half, half), rel=1e-12)


def test_a_ratio_of_means_has_the_variance_of_the_jackknife() -> None:
    rng = np.random.default_rng(11)
    pairs, blocks = rng.lognormal(size=(90, 2)), rng.integers(0, 9, 90)

    def ratio(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        first, second = (weights @ values).T
        return first / second

    without = np.array([np.divide(*pairs[blocks != one].sum(axis=0)) for one in range(9)])
    cumulants = jackknife_cumulants(float(np.divide(*pairs.sum(axis=0))), without)
    assert cumulants.variance == pytest.approx(8 / 9 * np.square(without - without.mean()).sum())
    assert cumulants.third / cumulants.variance**1.5 == pytest.approx(-stats.skew(without) / 3)
    ours = block_bootstrap(pairs, blocks, ratio, of_means=True)
    expected = mean_interval(ours.estimate, cumulants, 9, 90)
    assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_a_number_from_a_single_block_has_no_interval() -> None:
    values = np.stack([[0.0, 0, 0, 2], [0.0, 0, 0, 1]], axis=1)

    def ratio(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        first, second = (weights @ values).T
        with np.errstate(invalid="ignore"):
            return first / second

    found = block_bootstrap(values, np.arange(4), ratio, of_means=True)
    assert found.estimate == 2 and math.isnan(found.low) and math.isnan(found.high)


def test_correlation_of_independent_samples_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    first = rng.standard_normal(200)
    pairs = np.stack([first, first + rng.standard_normal(200)], axis=1)
    reference = stats.bootstrap(
        (pairs[:, 0], pairs[:, 1]),
        lambda x, y: stats.spearmanr(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=4,
    ).confidence_interval
    ours = block_bootstrap(pairs, np.arange(200), spearman)
    width = reference.high - reference.low
    assert ours.estimate == pytest.approx(stats.spearmanr(*pairs.T).statistic, rel=1e-12)
    assert ours.low == pytest.approx(reference.low, abs=0.12 * width)
    assert ours.high == pytest.approx(reference.high, abs=0.12 * width)


@pytest.mark.parametrize("memory", [0.5, 0.9])
def test_coverage_of_a_correlated_series_is_as_expected(memory: float) -> None:
    series = ar1(np.random.default_rng(5), 1500, 964, memory)
    blocks = contiguous_blocks(np.arange(964), 20)
    length = 964 / 20
    # means of neighbouring blocks are correlated: their variance is so much below N times that
    # of the whole mean (AR(1), first order in 1/length)
    shrunk = math.sqrt(1 - 2 * memory / (length * (1 - memory**2)))
    expected = 2 * stats.t.cdf(stats.t.ppf(0.975, 19) * shrunk, 19) - 1
    assert expected > 0.92
    assert coverage_of_zero(series, blocks) == pytest.approx(expected, abs=0.02)


def test_correlated_frames_taken_for_independent_are_covered_too_seldom() -> None:
    series = ar1(np.random.default_rng(5), 200, 964, 0.9)
    assert coverage_of_zero(series, np.arange(964)) < 0.65


def coverage_of_zero(series: np.ndarray, blocks: np.ndarray) -> float:
    intervals = [block_bootstrap(values, blocks, num_resamples=1000) for values in series]
    return float(np.mean([interval.low <= 0 <= interval.high for interval in intervals]))


def test_mean_from_block_sums_equals_the_mean_over_samples() -> None:
    rng = np.random.default_rng(7)
    values, weights = rng.standard_normal(300), rng.uniform(0.5, 2, 300)
    blocks = rng.integers(0, 15, 300)
    found = block_bootstrap(values, blocks, weights=weights)
    kept = [blocks != one for one in range(15)]
    without = np.array([np.average(values[own], weights=weights[own]) for own in kept])
    mean = float(np.average(values, weights=weights))
    expected = mean_interval(mean, jackknife_cumulants(mean, without), 15, 300)
    plain = np.array([values[own].mean() for own in kept])
    assert mean_cumulants(values, blocks).third == pytest.approx(
        jackknife_cumulants(float(values.mean()), plain).third
    )
    assert math.isnan(mean_cumulants(values, np.zeros(300)).variance)
    for name in ("low", "estimate", "high"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9)


def test_undefined_and_weightless_samples_are_ignored() -> None:
    rng = np.random.default_rng(8)
    values, blocks = rng.standard_normal(100), np.repeat(np.arange(10), 10)
    holed, weights = np.append(values, [np.nan, 1e9]), np.append(np.ones(101), 0.0)
    interval = block_bootstrap(holed, np.append(blocks, [10, 11]), weights=weights)
    assert interval == block_bootstrap(values, blocks)
    assert interval.count == 100


def test_one_block_gives_no_interval_and_no_sample_no_estimate() -> None:
    one = block_bootstrap([1.0, 3.0], [0, 0])
    assert (one.estimate, one.num_blocks) == (2.0, 1)
    assert math.isnan(one.low) and math.isnan(one.high)
    none = block_bootstrap([math.nan], [0])
    assert math.isnan(none.estimate) and none.count == 0


def test_bootstrap_intervals_depend_on_the_seed() -> None:
    values, blocks = np.random.default_rng(9).standard_normal((200, 2)), np.arange(200) // 10
    one, same, other = (block_bootstrap(values, blocks, spearman, seed=n) for n in (1, 1, 2))
    assert one == same and one != other


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 30), st.randoms(use_true_random=False))
def test_contiguous_blocks_are_equal_stretches(count: int, num_blocks: int, random) -> None:
    order = list(range(count))
    random.shuffle(order)
    labels = contiguous_blocks(order, num_blocks)
    in_order = labels[np.argsort(order)]
    sizes = np.bincount(labels)
    assert (np.diff(in_order) >= 0).all()
    assert len(sizes) == min(count, num_blocks)
    assert sizes.max() - sizes.min() <= 1


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=3, max_size=12
    )
)
def test_weighted_correlation_equals_that_of_repeated_samples(rows) -> None:
    values, weights = np.array(rows, float)[:, :2], np.array(rows)[:, 2]
    repeated = np.repeat(values, weights, axis=0)
    if len(repeated) < 2 or (np.ptp(repeated, axis=0) == 0).any():
        return
    ours = spearman(values, weights[None].astype(float))[0]
    assert ours == pytest.approx(stats.spearmanr(*repeated.T).statistic, abs=1e-12)
