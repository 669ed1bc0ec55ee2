"""Shares of components and causes against sums and closed formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binom

from saibench.analysis.tracing.components import (
    Contributions,
    binned,
    cause_shares,
    component_shares,
    of_classes,
)
from saibench.analysis.tracing.ranges import feature_ranges, range_of
from saibench.analysis.tracing.wrong_shares import wrong_shares


def test_shares_are_ratios_of_sums() -> None:
    rng = np.random.default_rng(0)
    sizes = np.tile([2.0, 1.0, 1.0], (200, 1))
    errors = sizes * np.array([1.0, 2.0, 1.0]) * rng.lognormal(0, 0.3, (200, 1))
    found = component_shares(
        Contributions("species", ("H", "O", "C"), errors, sizes), np.arange(200)
    )
    np.testing.assert_allclose([one.share.estimate for one in found], [0.4, 0.4, 0.2])
    np.testing.assert_allclose([one.size for one in found], [0.5, 0.25, 0.25])
    np.testing.assert_allclose([one.relative.interval.estimate for one in found], [0.8, 1.6, 0.8])


def test_only_different_classes_are_significant() -> None:
    equal, apart = [], []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        member = rng.integers(0, 2, 150)
        errors = rng.lognormal(0, 0.5, 150)
        same = of_classes("label", ["0", "1"], member, errors)
        other = of_classes("label", ["0", "1"], member, errors * np.where(member == 1, 1.6, 1.0))
        equal.append(component_shares(same, np.arange(150))[1].relative.p)
        apart.append(component_shares(other, np.arange(150))[1].relative.p)
    assert 0.0 < np.mean(np.array(equal) <= 0.1) < 0.2
    assert np.mean(np.array(apart) <= 0.05) > 0.9


def test_components_of_few_samples_are_not_tested() -> None:
    member = (np.arange(100) < 5).astype(int)
    errors = np.where(member == 1, 0.0, 1.0)
    large, small = component_shares(
        of_classes("bin", ["large", "small"], member, errors), np.arange(100)
    )
    assert small.share.estimate == 0.0 and np.isnan(small.relative.p)
    assert not np.isnan(large.relative.p)


def test_interval_of_a_share_covers_the_truth() -> None:
    covered = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        member = np.arange(200) % 4 == 0
        errors = rng.exponential(1.0, 200) * np.where(member, 2.0, 1.0)
        share = component_shares(
            of_classes("kind", ["rest", "hard"], member.astype(int), errors), np.arange(200)
        )[1].share
        covered.append(share.low <= 0.5 / 1.25 <= share.high)
    assert 0.88 <= np.mean(covered) <= 1.0


def test_empty_components_are_dropped_and_values_outside_of_bins_are_in_none() -> None:
    names, member = binned([0, 1, 2], np.array([-1.0, 0.0, 0.5, 1.5, 2.0, 2.1, np.nan]))
    assert names == ["0 to 1", "1 to 2"]
    assert member.tolist() == [-1, 0, 0, 1, 1, -1, -1]
    found = of_classes("x", ["a", "b", "c"], np.array([0, 2, -1]), np.array([1.0, 2.0, 5.0]))
    assert found.names == ("a", "c")
    np.testing.assert_array_equal(found.errors, [[1, 0], [0, 2], [0, 0]])


def test_shares_of_causes_are_shapley_values() -> None:
    motion, source = cause_shares(
        np.full(40, 10.0), {"motion": np.full(40, 4.0), "source": np.full(40, 7.0)}, np.arange(40)
    )
    assert motion.share.estimate == pytest.approx(((4 - 0) + (10 - 7)) / 2 / 10)
    assert source.share.estimate == pytest.approx(((7 - 0) + (10 - 4)) / 2 / 10)
    assert (motion.alone.estimate, source.alone.estimate) == (4.0, 7.0)
    with pytest.raises(ValueError, match="4 causes"):
        cause_shares(np.ones(4), dict.fromkeys("abcd", np.ones(4)), np.arange(4))


def test_the_rest_with_both_causes_true_is_a_share() -> None:
    first, second, rest = cause_shares(
        np.full(40, 10.0),
        {"motion": np.full(40, 5.0), "source": np.full(40, 7.0), "scheme": np.full(40, 2.0)},
        np.arange(40),
    )
    # motion adds 3 to the scheme alone and 3 to the source, the source 5 and 5
    assert first.share.estimate == pytest.approx(0.3)
    assert second.share.estimate == pytest.approx(0.5)
    assert rest.share.estimate == pytest.approx(0.2)
    assert rest.alone.estimate == pytest.approx(2)


def test_ranges_are_fifths_with_their_samples_worst_first() -> None:
    rng = np.random.default_rng(1)
    feature = rng.permutation(100).astype(float)
    errors = np.where(feature >= 80, 3.0, 1.0) + 0.001 * feature
    found = feature_ranges(feature, errors, np.arange(100), 500 + np.arange(100))
    assert [(one.low, one.high) for one in found][-1] == (80.0, 99.0)
    top = found[-1]
    assert top.mean.estimate == pytest.approx(errors[feature >= 80].mean())
    assert top.share.estimate == pytest.approx(errors[feature >= 80].sum() / errors.sum())
    assert top.sample_ids[0] == 500 + int(np.argmax(errors))
    assert len(top.sample_ids) == 20
    assert sum(one.share.estimate for one in found) == pytest.approx(1.0)


def test_equal_values_are_in_one_range() -> None:
    values = np.array([0.0] * 70 + [1, 2, 3, 4, 5, 6] * 5)
    member = range_of(values)
    assert all(len(set(member[values == value])) == 1 for value in np.unique(values))
    assert range_of(np.array([3.0, 1.0, 1.0, 2.0])).tolist() == [2, 0, 0, 1]


def test_few_jets_without_an_error_have_exact_bounds() -> None:
    errors = (np.arange(598) % 7 == 0).astype(float)
    member = np.where(np.arange(598) % 7 == 1, np.arange(598) < 30, 0).astype(int)
    assert member.sum() == 5 and not errors[member == 1].any()
    blocks = np.arange(598) * 200 // 598
    found = component_shares(
        of_classes("bin", ["large", "small"], member, errors), blocks, share=True, independent=True
    )[1]
    relative, of_class = found.relative.interval, beta.ppf(0.975, 1, 5)
    assert (relative.low, relative.estimate) == (0.0, 0.0)
    assert relative.high == pytest.approx(of_class / errors.mean(), rel=0.1)
    assert found.share.high == pytest.approx(5 / 598 * relative.high)
    feature = np.where(member == 1, 1.0, 0.0)
    small = feature_ranges(feature, errors, blocks, np.arange(598), share=True, independent=True)[1]
    assert small.mean.high == pytest.approx(of_class)


def test_small_classes_are_seldom_significant_by_chance() -> None:
    rng, apart = np.random.default_rng(3), 0
    for _ in range(200):
        errors, member = (rng.random(598) < 0.05).astype(float), np.arange(598) < 30
        blocks = np.arange(598) * 200 // 598
        one, _ = wrong_shares(errors, np.stack([member, ~member], axis=1), blocks, True)
        apart += not one.relative[0] <= 1 <= one.relative[1]
    assert apart <= binom.ppf(0.999, 200, 0.05)
