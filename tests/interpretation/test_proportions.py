"""Shares never have an interval of no width, and it is the binomial one."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from saibench.interpretation.block_means import block_means
from saibench.interpretation.bootstrap import block_bootstrap
from saibench.interpretation.estimates import estimate_mean
from saibench.interpretation.jet_scores import dealt_blocks, interval, mean_score
from saibench.interpretation.proportions import exact_interval, largest_share, share_interval


@pytest.mark.parametrize(("right", "count"), [(0, 5), (5, 5), (62, 62), (297, 596), (3, 62)])
def test_of_independent_samples_it_is_scipys_exact_interval(right: int, count: int) -> None:
    expected = stats.binomtest(right, count).proportion_ci()
    assert exact_interval(right, count) == pytest.approx((expected.low, expected.high))
    values = np.repeat([1.0, 0.0], [right, count - right])
    found = block_bootstrap(values, np.arange(count) % 200, share=True, independent=True)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("count", [62, 450])
def test_one_accuracy_has_one_interval_by_every_path(count: int) -> None:
    correct = (np.random.default_rng(0).uniform(size=count) < 0.8).astype(float)
    label = np.repeat([1, 0], [count // 2, count - count // 2])
    rows = pl.DataFrame({"point": "a", "sample_id": np.arange(count), "correct": correct})
    of_cell = estimate_mean(rows, "correct", share=True).interval
    of_page = block_means(correct[:, None], rows, [True])[0]
    assert of_page is not None
    of_jets = interval([mean_score(correct, label, dealt_blocks(label), share=True)])
    for one in (of_page[0], of_jets):
        assert (one.low, one.high) == pytest.approx((of_cell.low, of_cell.high))


def test_numbers_that_happen_to_be_0_or_1_are_no_shares_unless_declared() -> None:
    """Forty frames of no rain say nothing of a share: their mean is in mm/h."""
    rows = pl.DataFrame({"point": "a", "sample_id": np.arange(40)})
    dry = np.zeros((40, 2))
    found = [one[0] for one in block_means(dry, rows, [False, True]) if one is not None]
    assert (found[0].low, found[0].high) == (0.0, 0.0)
    assert found[1].high == pytest.approx(stats.binomtest(0, 40).proportion_ci().high)
    of_cell = estimate_mean(rows.with_columns(mae=pl.lit(1.0)), "mae").interval
    assert (of_cell.low, of_cell.high) == (1.0, 1.0)
    jets = mean_score(np.ones(40), np.ones(40), np.arange(40))
    assert interval([jets]).low == 1.0


def test_correlated_samples_count_less() -> None:
    """Blocks of ten equal samples are worth one sample each."""
    right, count = 60, 80
    sums, sizes = 10.0 * np.repeat([1.0, 0.0], [right, count - right]), np.full(count, 10.0)
    low, high = share_interval(sums, sizes)
    expected = stats.binomtest(right, count).proportion_ci()
    assert low == pytest.approx(expected.low, abs=0.004)
    assert high == pytest.approx(expected.high, abs=0.004)
    surely = share_interval(np.full(4, 50.0), np.full(4, 50.0))
    assert surely == pytest.approx((stats.binomtest(4, 4).proportion_ci().low, 1.0))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("count", [5, 62])
def test_it_covers_the_share_at_least_at_its_level(count: int, share: float) -> None:
    """By the binomial distribution itself, without a draw."""
    right = np.arange(count + 1)
    bounds = np.array([exact_interval(float(one), count) for one in right])
    covers = (bounds[:, 0] <= share) & (share <= bounds[:, 1])
    assert stats.binom.pmf(right, count, share)[covers].sum() >= 0.95


def test_none_of_many_leaves_a_share_of_three_over_their_number() -> None:
    bound = stats.binomtest(0, 3177, alternative="less").proportion_ci(0.95).high
    assert largest_share(3177) == pytest.approx(bound)
    assert 1 / largest_share(3177) == pytest.approx(1060, rel=0.001)
