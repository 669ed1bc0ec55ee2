from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from saibench.interpretation.bootstrap import (
    block_bootstrap,
    contiguous_blocks,
    paired_difference,
    weighted_mean,
)
from saibench.interpretation.correlation import spearman


def ar1(rng: np.random.Generator, series: int, length: int, memory: float) -> np.ndarray:
    """Stationary AR(1) series of unit variance, `(series, length)`."""
    noise = rng.standard_normal((series, length)) * math.sqrt(1 - memory**2)
    noise[:, 0] /= math.sqrt(1 - memory**2)
    values = np.empty_like(noise)
    values[:, 0] = noise[:, 0]
    for step in range(1, length):
        values[:, step] = memory * values[:, step - 1] + noise[:, step]
    return values


def test_independent_samples_agree_with_scipy() -> None:
    values = np.random.default_rng(1).lognormal(size=400)
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=2
    ).confidence_interval
    ours = block_bootstrap(values, np.arange(400), num_resamples=20_000)
    width = reference.high - reference.low
    assert ours.estimate == pytest.approx(values.mean(), rel=1e-12)
    assert ours.low == pytest.approx(reference.low, abs=0.03 * width)
    assert ours.high == pytest.approx(reference.high, abs=0.03 * width)
    assert (ours.num_blocks, ours.count) == (400, 400)


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
def test_interval_of_a_correlated_series_covers_its_mean_as_often_as_it_can(memory: float) -> None:
    series = ar1(np.random.default_rng(5), 1500, 964, memory)
    blocks = contiguous_blocks(np.arange(964))
    length = 964 / 20
    # means of neighbouring blocks are correlated: their variance is so much below N times that
    # of the whole mean (AR(1), first order in 1/length)
    shrunk = math.sqrt(1 - 2 * memory / (length * (1 - memory**2)))
    expected = 2 * stats.t.cdf(stats.t.ppf(0.975, 19) * shrunk, 19) - 1
    assert expected > 0.92
    assert coverage_of_zero(series, blocks) == pytest.approx(expected, abs=0.02)


def test_frames_taken_for_independent_promise_too_much() -> None:
    series = ar1(np.random.default_rng(5), 200, 964, 0.9)
    assert coverage_of_zero(series, np.arange(964)) < 0.65


def coverage_of_zero(series: np.ndarray, blocks: np.ndarray) -> float:
    intervals = [block_bootstrap(values, blocks, num_resamples=1000) for values in series]
    return float(np.mean([interval.low <= 0 <= interval.high for interval in intervals]))


def test_paired_difference_is_that_of_the_differences() -> None:
    rng = np.random.default_rng(6)
    hard = ar1(rng, 1, 500, 0.95)[0]
    first, second = hard + 0.1 * rng.standard_normal(500) + 1, hard
    blocks = contiguous_blocks(np.arange(500))
    paired = paired_difference(first, second, blocks)
    direct = block_bootstrap(first - second, blocks)
    assert paired.low == pytest.approx(direct.low, rel=1e-9)
    assert paired.high == pytest.approx(direct.high, rel=1e-9)
    alone = block_bootstrap(first, blocks)
    assert paired.high - paired.low < 0.1 * (alone.high - alone.low)


def test_mean_by_block_sums_is_the_mean_over_samples() -> None:
    rng = np.random.default_rng(7)
    values, weights = rng.standard_normal(300), rng.uniform(0.5, 2, 300)
    blocks = rng.integers(0, 15, 300)
    quick = block_bootstrap(values, blocks, weights=weights)
    plain = block_bootstrap(values, blocks, lambda v, w: weighted_mean(v, w), weights=weights)
    for name in ("low", "estimate", "high"):
        assert getattr(quick, name) == pytest.approx(getattr(plain, name), rel=1e-9)
    assert quick.estimate == pytest.approx(np.average(values, weights=weights), rel=1e-12)


def test_undefined_and_weightless_samples_do_not_count() -> None:
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


def test_seed_decides_the_interval() -> None:
    values, blocks = np.random.default_rng(9).standard_normal(200), np.arange(200) // 10
    assert block_bootstrap(values, blocks, seed=1) == block_bootstrap(values, blocks, seed=1)
    assert block_bootstrap(values, blocks, seed=1) != block_bootstrap(values, blocks, seed=2)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 30), st.randoms(use_true_random=False))
def test_blocks_are_even_unbroken_stretches(count: int, num_blocks: int, random) -> None:
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
def test_weighted_correlation_is_that_of_repeated_samples(rows) -> None:
    values, weights = np.array(rows, float)[:, :2], np.array(rows)[:, 2]
    repeated = np.repeat(values, weights, axis=0)
    if len(repeated) < 2 or (np.ptp(repeated, axis=0) == 0).any():
        return
    ours = spearman(values, weights[None].astype(float))[0]
    assert ours == pytest.approx(stats.spearmanr(*repeated.T).statistic, abs=1e-12)
