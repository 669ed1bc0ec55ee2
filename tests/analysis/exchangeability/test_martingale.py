"""Conformal p-values and test martingales, compared with formulas in numpy and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from saibench.analysis.exchangeability.martingale import BETS, Bet, Martingale, PValues, linear


@pytest.mark.parametrize("bet", BETS)
def test_bets_are_densities_on_the_unit_interval(bet: Bet) -> None:
    total, error = integrate.quad(bet, 0, 1, points=[1e-9, 1e-6, 0.5, 1 - 1e-6, 1 - 1e-9])
    assert total == pytest.approx(1, abs=max(1e-3, 2 * error))
    assert min(bet(p) for p in np.linspace(0, 1, 101)) >= 0


def test_p_value_is_the_rank_among_all_earlier_scores() -> None:
    scores = np.random.default_rng(0).normal(size=60)
    p_values = PValues(scores[:20], seed=3)
    uniform = np.random.default_rng(3).uniform(size=40)
    for number, score in enumerate(scores[20:]):
        larger = (scores[: 20 + number] > score).sum()
        expected = (larger + uniform[number]) / (21 + number)
        assert p_values.next(score) == pytest.approx(expected, rel=1e-12)


def test_tied_scores_have_uniform_p_values() -> None:
    p_values = PValues([1.0] * 50)
    found = [p_values.next(1.0) for _ in range(400)]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_p_values_of_exchangeable_scores_are_uniform_and_independent() -> None:
    random = np.random.default_rng(1)
    found = []
    for seed in range(200):
        scores = random.exponential(size=40)
        p_values = PValues(scores[:20], seed)
        found.append([p_values.next(score) for score in scores[20:]])
    assert stats.kstest(np.ravel(found), "uniform").pvalue > 0.001
    correlation = np.corrcoef(np.array(found).T)[np.triu_indices(20, 1)]
    # 190 correlations of 200 pairs have a standard deviation of 1 / sqrt(200); so their mean of
    # squares is 1 / 200 within five of its standard errors
    assert np.mean(correlation**2) == pytest.approx(1 / 200, abs=5 * math.sqrt(2 / 190) / 200)


def test_simple_jumper_agrees_with_its_recursion() -> None:
    """Algorithm of Vovk et al., arXiv:2102.10439, with ε in −1, 0, 1."""
    ps = np.random.default_rng(2).beta(0.7, 1, size=200)
    slopes, jump = np.array([-1.0, 0.0, 1.0]), 0.01
    capital = np.full(3, 1 / 3)
    martingale = Martingale([linear(slope) for slope in slopes], jump)
    for p in ps:
        capital = (1 - jump) * capital + jump / 3 * capital.sum()
        capital = capital * (1 + slopes * (p - 0.5))
        assert martingale.update(p) == pytest.approx(math.log(capital.sum()), abs=1e-9)


def test_capital_stays_finite_when_a_bet_loses_everything() -> None:
    martingale = Martingale()
    for p in [0.0, 1.0, 0.0, *[1e-300] * 200]:
        assert math.isfinite(martingale.update(p))
    assert martingale.log > 700  # e^700 would overflow soon
