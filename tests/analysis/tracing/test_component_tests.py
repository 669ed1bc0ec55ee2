"""Permutation tests of components against counting, scipy and their nominal level."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats

from saibench.analysis.tracing.component_tests import axis_p_values, class_p_values
from saibench.analysis.tracing.permutations import NUM_PERMUTATIONS

ALMOST_NEVER = 1e-4


def at_most(simulations: int, level: float) -> int:
    """Number of rejections that a test of this level exceeds once in 10,000."""
    return int(stats.binom.ppf(1 - ALMOST_NEVER, simulations, level))


def by_counting(own_errors: int, own: int, errors: int, count: int) -> float:
    """Fisher's two-sided p-value: the sum over all tables that are no more probable."""
    weight = [comb(errors, k) * comb(count - errors, own - k) for k in range(min(own, errors) + 1)]
    return sum(w for w in weight if w <= weight[own_errors]) / comb(count, own)


@pytest.mark.parametrize(
    ("own_errors", "own", "errors", "count", "p"),
    [(2, 36, 89, 598, 0.145), (0, 30, 198, 1600, 0.043), (4, 26, 76, 598, 0.56)],
)
def test_rare_errors_of_few_jets_are_tested_exactly(
    own_errors: int, own: int, errors: int, count: int, p: float
) -> None:
    member = np.zeros((count, 2), dtype=bool)
    member[:own, 0] = member[own:, 1] = True
    failed = np.zeros(count)
    failed[:own_errors] = failed[own : own + errors - own_errors] = 1.0
    found = class_p_values(failed, member)
    assert found[0] == found[1] == pytest.approx(by_counting(own_errors, own, errors, count))
    assert found[0] == pytest.approx(p, abs=0.005)


def test_bins_of_few_jets_keep_the_level() -> None:
    """Of 598 jets with errors of 5 % in bins of 26 to 36; Student's t rejects 16 to 24 %."""
    rng, simulations = np.random.default_rng(0), 300
    sizes = np.array([26, 30, 36])
    member = np.zeros((598, 3), dtype=bool)
    for number, (start, size) in enumerate(zip((0, 26, 56), sizes, strict=True)):
        member[start : start + size, number] = True
    member = np.column_stack([member, ~member.any(axis=1)])
    failed = rng.random((simulations, 598)) < 0.05
    found = np.array([class_p_values(one.astype(float), member) for one in failed])
    for level in (0.05, 0.01, 0.001):
        assert ((found <= level).sum(axis=0) <= at_most(simulations, level)).all()


def test_classes_are_permuted_as_scipy_does() -> None:
    rng = np.random.default_rng(3)
    errors = rng.lognormal(0, 0.7, 60) * np.where(np.arange(60) < 22, 1.45, 1.0)
    own = np.arange(60) < 22

    def welch(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(stats.ttest_ind(first, second, equal_var=False, axis=axis).statistic)

    expected = stats.permutation_test(
        (errors[own], errors[~own]), welch, n_resamples=9999, alternative="greater", rng=1
    ).pvalue
    found, _ = class_p_values(errors, np.stack([own, ~own], axis=1))
    spread = np.sqrt(expected * (1 - expected) * (1 / NUM_PERMUTATIONS + 1 / 9999))
    assert 0.005 < expected < 0.3
    assert found == pytest.approx(expected, abs=4 * spread)


def test_correlated_neighbours_are_permuted_together() -> None:
    """Classes of ten samples each in an autocorrelated series do not differ."""
    rng, simulations = np.random.default_rng(1), 40
    member = (np.arange(120) // 10 % 2)[:, None] == np.arange(2)
    apart, together = [], []
    for _ in range(simulations):
        slow = np.repeat(rng.normal(0, 1, 12), 10)
        errors = np.exp(slow + 0.3 * rng.standard_normal(120))
        apart.append(class_p_values(errors, member)[0])
        together.append(class_p_values(errors, member, piece=10)[0])
    assert np.mean(np.array(together) <= 0.05) * simulations <= at_most(simulations, 0.05)
    assert np.mean(np.array(apart) <= 0.05) > 0.3


UNEQUAL = np.repeat(np.arange(40), np.where(np.arange(40) % 8, 3, 40))
EQUAL = np.arange(320) // 8


@pytest.mark.parametrize("groups", [UNEQUAL, EQUAL], ids=["5 of 40, 35 of 3", "40 of 8"])
def test_classes_of_whole_groups_keep_the_level(groups: np.ndarray) -> None:
    """Permuting pieces of N / groups neighbours rejects 44 and 15 % at a level of 5 %."""
    rng, simulations = np.random.default_rng(6), 200
    found = []
    for _ in range(simulations):
        own = (rng.random(40) < 0.5)[groups]
        errors = rng.lognormal(0, 0.5, 40)[groups]
        found.append(class_p_values(errors, np.stack([own, ~own], axis=1), 1, groups)[0])
    for level in (0.05, 0.01):
        assert (np.array(found) <= level).sum() <= at_most(simulations, level)


def test_whole_groups_are_permuted_as_scipy_does() -> None:
    """Equals Welch's t of the groups' means if all groups are equally large."""
    rng = np.random.default_rng(8)
    own = np.arange(24) < 9
    means = rng.lognormal(0, 0.2, 24) * np.where(own, 1.3, 1.0)
    groups = np.repeat(np.arange(24), 5)
    noise = rng.standard_normal((24, 5))
    errors = (means[:, None] + 0.1 * (noise - noise.mean(axis=1, keepdims=True))).ravel()

    def welch(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(stats.ttest_ind(first, second, equal_var=False, axis=axis).statistic)

    expected = stats.permutation_test(
        (means[own], means[~own]), welch, n_resamples=9999, alternative="greater", rng=1
    ).pvalue
    member = np.stack([own, ~own], axis=1)[groups]
    spread = np.sqrt(expected * (1 - expected) * (1 / NUM_PERMUTATIONS + 1 / 9999))
    assert 0.005 < expected < 0.6
    assert class_p_values(errors, member, 1, groups)[0] == pytest.approx(expected, abs=4 * spread)


def test_classes_within_groups_are_tested_with_whole_groups() -> None:
    """An effect of the class within each group is found; without one there is none."""
    rng = np.random.default_rng(7)
    own = rng.random(len(EQUAL)) < 0.5
    errors = rng.lognormal(0, 0.3, 40)[EQUAL]
    member = np.stack([own, ~own], axis=1)
    assert class_p_values(errors, member, 1, EQUAL)[0] > 0.01
    assert class_p_values(errors * np.where(own, 1.5, 1.0), member, 1, EQUAL)[0] < 0.01


def test_two_positions_are_compared_by_the_signs_of_blocks() -> None:
    rng = np.random.default_rng(5)
    errors = rng.lognormal(0, 0.5, (9, 2)) * np.array([1.5, 1.0])
    difference = errors[:, 0] - errors[:, 1]
    sums = [abs(np.dot(signs, difference)) for signs in product((-1, 1), repeat=9)]
    expected = np.mean(np.array(sums) >= abs(difference.sum()) - 1e-12)
    found = axis_p_values(errors, np.ones((9, 2)), np.arange(9))
    assert found[0] == found[1]
    spread = np.sqrt(expected * (1 - expected) / NUM_PERMUTATIONS)
    assert found[0] == pytest.approx(expected, abs=4 * spread + 1 / NUM_PERMUTATIONS)


def test_p_values_are_no_smaller_than_few_blocks_allow() -> None:
    errors = np.array([2.0, 1.0]) + 0.01 * np.random.default_rng(0).random((60, 2))
    found = axis_p_values(errors, np.ones((60, 2)), np.arange(60) // 10)
    expected = 2 / 2**6  # all six blocks on one side, or all on the other
    spread = np.sqrt(expected * (1 - expected) / NUM_PERMUTATIONS)
    assert found[0] == pytest.approx(expected, abs=4 * spread)
    many = axis_p_values(errors, np.ones((60, 2)), np.arange(60))
    assert many[0] == pytest.approx(1 / (1 + NUM_PERMUTATIONS))


def test_positions_of_skewed_errors_keep_the_level() -> None:
    """One long-tailed lead time of 12; Student's t rejects 10 to 15 %."""
    rng, simulations = np.random.default_rng(2), 150
    found = [
        axis_p_values(rng.lognormal(0, 1, (10, 12)), np.ones((10, 12)), np.arange(10))[0]
        for _ in range(simulations)
    ]
    for level in (0.05, 0.01):
        assert (np.array(found) <= level).sum() <= at_most(simulations, level)


def test_undefined_positions_are_ignored() -> None:
    rng = np.random.default_rng(4)
    errors = rng.lognormal(0, 0.3, (30, 3)) * np.array([1.0, 1.0, 2.0])
    sizes = np.ones((30, 3))
    errors[:10, 2] = sizes[:10, 2] = 0.0
    whole = axis_p_values(errors, sizes, np.arange(30))
    assert whole[2] < 0.01 < whole[0]
    alone = axis_p_values(errors[:10], sizes[:10], np.arange(10))
    assert np.isnan(alone[2]) and not np.isnan(alone[0])
    assert np.isnan(axis_p_values(np.ones((5, 1)), np.ones((5, 1)), np.arange(5))[0])
    assert np.isnan(axis_p_values(np.ones((5, 2)), np.ones((5, 2)), np.arange(5))).all()
    assert np.isnan(class_p_values(np.ones(9), np.eye(3, dtype=bool).repeat(3, axis=0))).all()
