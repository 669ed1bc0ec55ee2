"""Means over events, line fits and partial correlations, against scipy and plain loops."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from saibench.analysis.blocks import blocks_of
from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.nowcasting.event_means import difference, mean_over_events
from saibench.analysis.nowcasting.linear_fit import linear_fit
from saibench.analysis.rank_correlation import partial_spearman
from saibench.analysis.sample_means import interval_of_means, relative_change
from saibench.evidence.independence import Independence, marked_index

RNG = np.random.default_rng(3)
VALUES = RNG.gamma(2, 1, 80)


def numbered(events: int) -> pl.DataFrame:
    return pl.DataFrame({"sample_id": np.arange(events)})


EVENTS = numbered(80)


def test_mean_is_that_of_the_events_that_define_it() -> None:
    values = VALUES.copy()
    values[::7] = np.nan
    found = mean_over_events(values, EVENTS)
    assert found.estimate == pytest.approx(np.nanmean(values), rel=1e-12)
    assert found.count == int((~np.isnan(values)).sum())


def test_interval_of_a_mean_is_about_twice_its_standard_error() -> None:
    found = mean_over_events(VALUES, EVENTS)
    error = VALUES.std(ddof=1) / np.sqrt(len(VALUES))
    assert found.high - found.low == pytest.approx(2 * 1.99 * error, rel=0.1)
    assert found == block_bootstrap(VALUES, np.arange(80))


def test_difference_is_paired_over_events_that_define_both() -> None:
    second = VALUES + RNG.normal(0.3, 0.05, 80)
    second[4] = np.nan
    found = difference(second, VALUES, EVENTS)
    both = np.arange(80) != 4
    assert found.estimate == pytest.approx((second - VALUES)[both].mean(), rel=1e-12)
    assert found.count == 79
    assert found.high - found.low < 0.05  # what the events share has cancelled
    change = relative_change(VALUES, second, EVENTS)
    assert change.estimate == pytest.approx(second[both].sum() / VALUES[both].sum() - 1, rel=1e-12)


def test_many_events_are_resampled_in_groups() -> None:
    noise = np.random.default_rng(0).standard_normal(100_000)
    assert np.unique(blocks_of(EVENTS, noise[:80])).size == 80
    assert np.bincount(blocks_of(numbered(100_000), noise)).tolist() == [500] * 200


def test_declared_groups_are_resampled_whole() -> None:
    """Against the standard error from eight independent series."""
    series = np.repeat(np.arange(8), 10)
    values = np.random.default_rng(7).normal(size=8)[series] + 0.1 * VALUES
    declared = {
        "group": (EVENTS.with_columns(series=series), Independence("group", "series")),
        "time": (EVENTS.with_columns(minute=np.arange(80.0)), Independence("time", "minute")),
    }
    marked = {name: marked_index(*one) for name, one in declared.items()}
    found = mean_over_events(values, marked["group"])
    means = values.reshape(8, 10).mean(axis=1)
    drawn = np.random.default_rng(8).integers(0, 8, (20_000, 8))
    spread = means[drawn].mean(axis=1).std() * np.sqrt(8 / 7)
    assert found.num_blocks == 8
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 7) * spread, rel=0.15)
    assert (blocks_of(marked["group"], values) == series).all()
    stretches = blocks_of(marked["time"], values)
    assert (np.diff(stretches) >= 0).all() and stretches[-1] < 20


def test_no_event_has_no_mean() -> None:
    for columns in ([np.array([])], [np.array([np.nan, 1.0]), np.array([2.0, np.nan])]):
        found = interval_of_means(lambda *means: means[0], numbered(len(columns[0])), *columns)
        assert np.isnan(found.estimate) and found.count == 0


def test_line_is_that_of_least_squares() -> None:
    x = RNG.uniform(1000, 1004, 60)
    y = 3 - 0.5 * x + RNG.normal(0, 0.4, 60)
    expected = stats.linregress(x, y)
    fit = linear_fit(np.append(x, np.nan), np.append(y, 1.0), numbered(61))
    assert fit.slope.estimate == pytest.approx(expected.slope, rel=1e-6)
    assert fit.r_squared.estimate == pytest.approx(expected.rvalue**2, rel=1e-6)
    assert fit.line == pytest.approx(expected.intercept + expected.slope * fit.x, rel=1e-9)
    assert (fit.low < fit.line).all() and (fit.line < fit.high).all()
    middle, ends = fit.high[12] - fit.low[12], fit.high[[0, -1]] - fit.low[[0, -1]]
    assert (middle < ends).all()
    assert fit.slope.high - fit.slope.low == pytest.approx(4 * expected.stderr, rel=0.35)


def test_partial_correlation_is_that_of_the_residuals_of_ranks() -> None:
    third = RNG.normal(size=70)
    first, second = third + RNG.normal(size=70), third + RNG.normal(size=70)
    ranks = [stats.rankdata(column) for column in (first, second, third)]
    left = [rank - np.polyval(np.polyfit(ranks[2], rank, 1), ranks[2]) for rank in ranks[:2]]
    expected = np.corrcoef(*left)[0, 1]
    values = np.stack([first, second, third], axis=1)
    assert partial_spearman(values, np.ones((1, 70)))[0] == pytest.approx(expected, abs=1e-12)


def test_partial_correlation_counts_a_weight_as_so_many_samples() -> None:
    values = RNG.normal(size=(30, 3))
    weights = RNG.integers(0, 3, (4, 30)).astype(float)
    repeated = [
        partial_spearman(np.repeat(values, row.astype(int), axis=0), np.ones((1, int(row.sum()))))
        for row in weights
    ]
    assert partial_spearman(values, weights) == pytest.approx(np.concatenate(repeated), abs=1e-12)


def test_partial_correlation_is_undefined_if_a_column_has_the_ranks_of_the_third() -> None:
    third = RNG.normal(size=20)
    values = np.stack([np.exp(third), RNG.normal(size=20), third], axis=1)
    assert np.isnan(partial_spearman(values, np.ones((1, 20)))).all()
