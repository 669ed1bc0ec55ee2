"""Shares have binomial intervals, which never have zero width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from saibench.analysis.block_means import block_means
from saibench.analysis.blocks import find_blocks, stratified_blocks
from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.classification.scores import (
    auc_components,
    auc_score,
    average,
    class_mean_score,
    interval,
    mean_score,
)
from saibench.analysis.estimates import estimate_mean
from saibench.analysis.proportions import combined, exact_interval, ratio_bounds, share_interval
from saibench.analysis.trusted_range.conformal import block_weights
from saibench.analysis.trusted_range.stretches import sample_blocks


@pytest.mark.parametrize(("right", "count"), [(0, 5), (5, 5), (62, 62), (297, 596), (3, 62)])
def test_independent_samples_have_scipys_exact_interval(right: int, count: int) -> None:
    expected = stats.binomtest(right, count).proportion_ci()
    assert exact_interval(right, count) == pytest.approx((expected.low, expected.high))
    values = np.repeat([1.0, 0.0], [right, count - right])
    found = block_bootstrap(values, np.arange(count) % 200, share=True, independent=True)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("count", [62, 450])
def test_an_accuracy_has_the_same_interval_by_every_path(count: int) -> None:
    correct = (np.random.default_rng(0).uniform(size=count) < 0.8).astype(float)
    label = np.repeat([1, 0], [count // 2, count - count // 2])
    rows = pl.DataFrame({"point": "a", "sample_id": np.arange(count), "correct": correct})
    of_cell = estimate_mean(rows, "correct", share=True).interval
    of_page = block_means(correct[:, None], rows, [True])[0]
    assert of_page is not None
    of_jets = interval([mean_score(correct, label, stratified_blocks(label), share=True)])
    for one in (of_page[0], of_jets):
        assert (one.low, one.high) == pytest.approx((of_cell.low, of_cell.high))


def test_only_declared_columns_are_shares() -> None:
    """Forty frames without rain are 0 mm/h, no share of 0."""
    rows = pl.DataFrame({"point": "a", "sample_id": np.arange(40)})
    dry = np.zeros((40, 2))
    found = [one[0] for one in block_means(dry, rows, [False, True]) if one is not None]
    assert np.isnan([found[0].low, found[0].high]).all()  # constant values have no interval
    assert found[1].high == pytest.approx(stats.binomtest(0, 40).proportion_ci().high)
    of_cell = estimate_mean(rows.with_columns(mae=pl.lit(1.0)), "mae").interval
    assert np.isnan([of_cell.low, of_cell.high]).all()
    jets = mean_score(np.ones(40), np.ones(40), np.arange(40))
    assert interval([jets]).low == 1.0


def test_a_weighted_share_has_the_binomial_interval_of_its_blocks() -> None:
    """Equal weights of blocks (20 of 20), and constant weights, which change nothing."""
    blocks = np.repeat(np.arange(20), np.r_[np.full(10, 5), np.full(10, 15)])
    even = block_weights(blocks)
    sure = block_bootstrap(np.ones(200), blocks, weights=even, share=True)
    expected = stats.binomtest(20, 20).proportion_ci()
    assert (sure.low, sure.estimate, sure.high) == pytest.approx((expected.low, 1.0, 1.0))
    values, labels = (np.arange(200) % 4 > 0).astype(float), np.arange(200) // 10
    constant = block_bootstrap(values, labels, weights=np.full(200, 0.3), share=True)
    plain = block_bootstrap(values, labels, share=True)
    for name in ("low", "estimate", "high"):
        assert getattr(constant, name) == pytest.approx(getattr(plain, name))


def test_a_share_over_seeds_stays_between_0_and_1() -> None:
    right = np.ones((3, 46))
    right[0, ::5] = 0.0  # one training of three is worse
    label, every = np.repeat([1, 0], 23), np.arange(46)
    tables = [
        pl.DataFrame({"point": str(number), "sample_id": every, "correct": own})
        for number, own in enumerate(right)
    ]
    of_cell = estimate_mean(pl.concat(tables), "correct", share=True).interval
    scores = [mean_score(own, label, every, share=True) for own in right]
    balanced = [class_mean_score(own, label, every, share=True) for own in right]
    points = ("0", "1", "2")
    of_jets = [interval([replace(average(own), points=points)]) for own in (scores, balanced)]
    for one in (of_cell, *of_jets):
        assert one.seeds == 3
        assert 0.0 <= one.low < one.estimate < one.high == 1.0


def test_independent_samples_have_the_same_interval_from_blocks_and_rows() -> None:
    """596 jets, all correct, in 200 bundles."""
    count = 596
    rows = pl.DataFrame({"sample_id": np.arange(count), "error": np.zeros(count)})
    expected = stats.binomtest(count, count).proportion_ci()
    of_blocks = find_blocks(rows, np.ones(count)).mean(np.ones(count), share=True)
    found = sample_blocks(rows, "error")
    labels, independent = found.labels, found.independent
    of_rows = block_bootstrap(np.ones(count), labels, share=True, independent=independent)
    for one in (of_blocks, of_rows):
        assert one.num_blocks == 200
        assert (one.low, one.high) == pytest.approx((expected.low, 1.0))
    twice = pl.concat([rows.with_columns(point=pl.lit(name)) for name in "ab"])
    assert not sample_blocks(twice, "error").independent
    assert not sample_blocks(rows, "error", num_blocks=20).independent


def test_scores_of_jets_that_are_all_correct_have_intervals_of_positive_width() -> None:
    """40 top jets and 22 QCD jets, by the exact bounds of each class and of all of them."""
    label, right = np.repeat([1, 0], [40, 22]), np.ones(62)
    blocks = stratified_blocks(label)
    tops, qcds, every = (1 - stats.binomtest(n, n).proportion_ci().low for n in (40, 22, 62))
    balanced = interval([class_mean_score(right, label, blocks, share=True)])
    assert balanced.low == pytest.approx(1 - np.hypot(tops, qcds) / 2)
    area = interval([auc_score(auc_components(label * 1.0, label), label, blocks)])
    assert area.low == pytest.approx(1 - np.hypot(tops, qcds))
    assert (balanced.high, area.high) == (1.0, 1.0)
    accuracy = mean_score(right, label, blocks, share=True)
    apart = interval([accuracy, accuracy], lambda found: found[:, 0] - found[:, 1])
    assert (apart.low, apart.estimate, apart.high) == pytest.approx((-every, 0.0, every))


def test_correlated_samples_have_a_smaller_effective_number() -> None:
    """Blocks of ten equal samples are worth one sample each."""
    right, count = 60, 80
    sums, sizes = 10.0 * np.repeat([1.0, 0.0], [right, count - right]), np.full(count, 10.0)
    low, high = share_interval(sums, sizes)
    expected = stats.binomtest(right, count).proportion_ci()
    assert low == pytest.approx(expected.low, abs=0.004)
    assert high == pytest.approx(expected.high, abs=0.004)
    surely = share_interval(np.full(4, 50.0), np.full(4, 50.0))
    assert surely == pytest.approx((stats.binomtest(4, 4).proportion_ci().low, 1.0))


def test_two_blocks_have_no_bounds_unless_samples_are_independent() -> None:
    sums, sizes = np.array([3.0, 4.0]), np.array([5.0, 5.0])
    assert np.isnan(share_interval(sums, sizes)).all()
    bundles = share_interval(sums, sizes, independent=True)
    assert bundles == share_interval(np.array([7.0]), np.array([10.0]), independent=True)
    assert bundles == exact_interval(7, 10)
    assert np.isnan(share_interval(np.zeros(0), np.zeros(0), independent=True)).all()


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("count", [5, 62])
def test_exact_interval_covers_the_share_at_least_at_its_level(count: int, share: float) -> None:
    """From the binomial distribution, without simulation."""
    right = np.arange(count + 1)
    bounds = np.array([exact_interval(float(one), count) for one in right])
    covers = (bounds[:, 0] <= share) & (share <= bounds[:, 1])
    assert stats.binom.pmf(right, count, share)[covers].sum() >= 0.95


@pytest.mark.parametrize(("right", "count", "other", "of"), [(56, 70, 48, 80), (9, 10, 3, 10)])
def test_independent_shares_differ_by_newcombes_interval(
    right: int, count: int, other: int, of: int
) -> None:
    """With Wilson's bounds method 10 is statsmodels' 'newcombe', here written out."""
    first, second = right / count, other / of
    bounds = np.array([stats.binomtest(*one).proportion_ci(method="wilson")
                       for one in ((right, count), (other, of))])  # fmt: skip
    low = first - second - np.hypot(first - bounds[0, 0], bounds[1, 1] - second)
    high = first - second + np.hypot(bounds[0, 1] - first, second - bounds[1, 0])
    found = combined(first - second, (1, -1), (first, second), bounds)
    assert found == pytest.approx((low, high))


def test_differences_of_correlated_numbers_have_narrower_bounds() -> None:
    bounds = [(0.8, 1.2), (0.3, 0.7)]
    found = combined(0.5, (1, -1), (1.0, 0.5), bounds, [[1, 0.9], [0.9, 1]])
    assert found == pytest.approx((0.5 - 0.2 * np.sqrt(0.2), 0.5 + 0.2 * np.sqrt(0.2)))
    assert np.isnan(combined(0.5, (1, -1), (1.0, 0.5), [(np.nan, np.nan), (0.3, 0.7)])).all()
    kept = combined(1.0, (1, 0), (1.0, 0.5), [(0.8, 1.2), (np.nan, np.nan)])
    assert kept == pytest.approx((0.8, 1.2))


def test_a_ratio_has_fiellers_bounds() -> None:
    one, other, of_one, of_other, z = 3.0, 2.0, 0.2, 0.15, 1.96
    found = ratio_bounds(
        (one - z * of_one, one, one + z * of_one),
        (other - z * of_other, other, other + z * of_other),
    )
    a, b, c = other**2 - (z * of_other) ** 2, -2 * one * other, one**2 - (z * of_one) ** 2
    assert found == pytest.approx(sorted(np.roots([a, b, c]).real))


@pytest.mark.parametrize(("few", "many", "share"), [(25, 150, 0.95), (36, 600, 0.98)])
def test_a_small_bin_without_errors_is_not_significantly_better_than_a_large_one(
    few: int, many: int, share: float
) -> None:
    rng = np.random.default_rng(0)
    apart = 0
    for _ in range(200):
        count = few + many
        right, label = (rng.random(count) < share).astype(float), rng.integers(0, 2, count)
        small = rng.permutation(count) < few
        blocks = np.arange(count) * min(200, count) // count
        scores = [mean_score(right, label, blocks, one, share=True) for one in (small, ~small)]
        found = interval(scores, lambda values: values[:, 0] - values[:, 1])
        apart += found.low > 0 or found.high < 0
    assert apart <= stats.binom.ppf(0.999, 200, 0.05)
