"""Correlations and shares of features, compared with scipy, scikit-learn and formulas."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from made_traces import ar1
from scipy import stats
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

from saibench.analysis.rank_correlation import (
    partial_spearman,
    partial_with_first,
    rank_correlations,
    ranks_of,
)
from saibench.analysis.tracing import explained
from saibench.analysis.tracing.explained import explained_shares
from saibench.analysis.tracing.permutations import (
    block_permutations,
    correlation_p_values,
    group_permutations,
    p_value,
)
from saibench.errors import UserError


def columns(count: int, seed: int = 0) -> np.ndarray:
    """A response, its cause, a feature that follows the cause, and an unrelated feature."""
    rng = np.random.default_rng(seed)
    cause = rng.standard_normal(count)
    follower = cause + 0.5 * rng.standard_normal(count)
    response = cause + 0.7 * rng.standard_normal(count)
    return np.stack([response, cause, follower, rng.integers(0, 4, count)], axis=1)


def test_rank_correlations_equal_those_of_scipy_and_of_repeated_samples() -> None:
    values = columns(60)
    weights = np.random.default_rng(1).integers(0, 4, (2, 60)).astype(float)
    found = rank_correlations(values, np.vstack([np.ones(60), weights]))
    np.testing.assert_allclose(found[0], stats.spearmanr(values).statistic, atol=1e-12)
    for own, drawn in zip(found[1:], weights, strict=True):
        repeated = np.repeat(values, drawn.astype(int), axis=0)
        np.testing.assert_allclose(own, stats.spearmanr(repeated).statistic, atol=1e-12)


def test_partial_correlation_is_that_of_residuals() -> None:
    values = columns(80)
    found = partial_with_first(rank_correlations(values, np.ones((1, 80))))[0]
    ranks = stats.rankdata(values, axis=0)
    for column in (1, 2, 3):
        rest = np.column_stack([np.ones(80), np.delete(ranks, [0, column], axis=1)])
        left = [ranks[:, c] - rest @ np.linalg.lstsq(rest, ranks[:, c])[0] for c in (0, column)]
        assert found[column - 1] == pytest.approx(np.corrcoef(left)[0, 1], abs=1e-10)
    single = partial_spearman(values[:, [0, 1, 2]], np.ones((1, 80)))[0]
    three = partial_with_first(rank_correlations(values[:, :3], np.ones((1, 80))))[0, 0]
    assert three == pytest.approx(single, abs=1e-10)


def test_collinear_columns_have_no_partial_correlation() -> None:
    values = columns(50)[:, [0, 1, 1]]
    found = rank_correlations(values, np.ones((1, 50)))
    assert np.isnan(partial_with_first(found)).all()
    assert np.isfinite(found[:, 0, 1:]).all()
    assert np.isnan(correlation_p_values(ranks_of(values), 1, 19)[1]).all()


def test_permutations_keep_neighbours() -> None:
    rows = np.concatenate(list(block_permutations(103, 10, 40)))
    assert rows.shape == (40, 103)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(103), (40, 1)))
    steps = np.diff(rows, axis=1) % 103
    assert ((steps == 1).sum(axis=1) >= 103 - 11).all()
    assert len({tuple(row) for row in rows}) == 40


def test_whole_groups_are_permuted() -> None:
    groups = np.repeat([0, 1, 2, 3], [2, 5, 3, 3])
    rows = np.concatenate(list(group_permutations(groups, 1, 60)))
    assert rows.shape == (60, 13)
    for row in rows:
        sources = [np.unique(groups[row[groups == place]]) for place in range(4)]
        assert sorted(np.concatenate(sources)) == [0, 1, 2, 3]
        for place, source in enumerate(sources):
            used, size = row[groups == place], int((groups == source).sum())
            assert len(np.unique(used)) == min(len(used), size)
    assert len({tuple(row) for row in rows}) > 50
    pieces = np.concatenate(list(group_permutations(np.arange(20), 5, 10)))
    assert ((np.diff(pieces, axis=1) % 20 == 1).sum(axis=1) >= 19 - 4).all()


@pytest.mark.parametrize("few_large", [True, False], ids=["5 of 40, 35 of 3", "40 of 8"])
def test_correlations_of_whole_groups_keep_the_level(few_large: bool) -> None:
    """Of errors and features of whole groups; permuting pieces of neighbours rejects 46 %."""
    groups = np.repeat(np.arange(40), np.where(np.arange(40) % 8, 3, 40) if few_large else 8)
    rng, simulations = np.random.default_rng(9), 200
    found = []
    for _ in range(simulations):
        ranks = ranks_of(rng.standard_normal((40, 3))[groups])
        rho, partial = correlation_p_values(ranks, 1, 199, groups=groups)
        found.append([rho[0], partial[0]])
    allowed = stats.binom.ppf(1 - 1e-4, simulations, 0.05)
    assert ((np.array(found) <= 0.05).sum(axis=0) <= allowed).all()


def test_independent_autocorrelated_series_are_not_correlated() -> None:
    """Of AR(1) series; permuting single samples rejects far too many."""
    alone, in_blocks = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        ranks = ranks_of(np.stack([ar1(rng, 300, 0.85) for _ in range(2)], axis=1))
        alone.append(correlation_p_values(ranks, 1, 199)[0][0])
        in_blocks.append(correlation_p_values(ranks, 30, 199)[0][0])
    assert np.mean(np.array(alone) <= 0.05) > 0.3
    assert np.mean(np.array(in_blocks) <= 0.05) < 0.15


def test_partial_p_value_distinguishes_cause_from_follower() -> None:
    found, partial = correlation_p_values(ranks_of(columns(300)[:, :3]), 1, 499)
    assert (found <= 0.01).all()
    assert partial[0] <= 0.01
    rates = [correlation_p_values(ranks_of(columns(120, s)[:, :3]), 1, 99)[1][1] for s in range(60)]
    assert np.mean(np.array(rates) <= 0.1) < 0.22
    assert p_value(0, 99) == 0.01


def test_shares_of_independent_features_are_their_squared_correlations() -> None:
    rng = np.random.default_rng(5)
    features = rng.standard_normal((4000, 3))
    response = 0.8 * features[:, 0] + 0.4 * features[:, 1]
    response += np.sqrt(1 - 0.8) * rng.standard_normal(4000)
    found = explained_shares(features, response, np.arange(4000) // 20)
    pearson = np.array([0.8, 0.4, 0.0])
    truth = (6 / np.pi * np.arcsin(pearson / 2)) ** 2  # Spearman's ρ of normal pairs, squared
    for share, expected in zip(found.shares, truth, strict=True):
        assert share.low - 0.01 <= expected <= share.high + 0.01
        assert share.estimate == pytest.approx(expected, abs=0.03)
    total = sum(share.estimate for share in found.shares)
    assert total == pytest.approx(found.together.estimate, abs=1e-9)


def test_shares_find_non_monotone_relations_and_ignore_noise() -> None:
    rng = np.random.default_rng(6)
    features = rng.uniform(-1, 1, (400, 6))
    response = np.cos(np.pi * features[:, 2]) + 0.2 * rng.standard_normal(400)
    found = explained_shares(features, response, np.arange(400) // 4)
    assert found.degree >= 2
    assert found.shares[2].low > 0.6
    others = [share for number, share in enumerate(found.shares) if number != 2]
    assert all(abs(share.estimate) < 0.03 for share in others)


def test_shapley_share_is_the_mean_over_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """R² of every subset by scikit-learn on the same folds, averaged over all six orders."""
    monkeypatch.setattr(explained, "DEGREES", (1,))
    values, blocks = columns(240), np.arange(240) // 3
    features, ranks = values[:, 1:], stats.rankdata(values, axis=0)
    fold = (np.random.default_rng(0).permutation(80) % explained.FOLDS)[blocks]

    def squared(subset: tuple[int, ...]) -> float:
        used = ranks[:, [1 + feature for feature in subset]]
        predicted = np.empty(240)
        for number in range(explained.FOLDS):
            own = fold == number
            model = LinearRegression() if subset else DummyRegressor()
            model.fit(used[~own] if subset else ranks[~own, :1], ranks[~own, 0])
            predicted[own] = model.predict(used[own] if subset else ranks[own, :1])
        return float(((ranks[:, 0] - predicted) ** 2).sum())

    nothing = squared(())
    r_squared = {
        subset: 1 - squared(subset) / nothing
        for size in range(4)
        for subset in combinations(range(3), size)
    }
    found = explained.explained_shares(features, values[:, 0], blocks)
    for feature in range(3):
        gains = []
        for order in permutations(range(3)):
            before = tuple(sorted(order[: order.index(feature)]))
            after = tuple(sorted((*before, feature)))
            gains.append(r_squared[after] - r_squared[before])
        assert found.shares[feature].estimate == pytest.approx(np.mean(gains), abs=1e-4)
    assert found.together.estimate == pytest.approx(r_squared[0, 1, 2], abs=1e-4)


def test_too_many_features_are_refused() -> None:
    with pytest.raises(UserError, match="--feature with at most 10"):
        explained_shares(np.ones((30, 11)), np.ones(30), np.arange(30))
