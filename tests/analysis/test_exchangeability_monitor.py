"""A small run of the simulation of docs/results/statistics/exchangeability.md."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks import exchangeability_monitor as simulated
from benchmarks.simulation import table_cells
from saibench.analysis.exchangeability import martingale as bets

PAGE = simulated.TARGET.read_text(encoding="utf-8")
SIMULATIONS = 40


def rows(text: str) -> list[list[str]]:
    return [cells for cells in table_cells(text) if cells[0].replace(".", "").isdigit()]


def test_page_has_no_more_false_alarms_than_the_level() -> None:
    """Of 200 streams, within the binomial error of a true rate of 5 %."""
    found = [float(cells[4]) for cells in rows(PAGE)[: len(simulated.NULL)]]
    assert max(found) <= 100 * stats.binom.ppf(0.999, 200, simulated.LEVEL) / 200


def test_short_run_agrees_with_the_page() -> None:
    row = (0.9, 60, 60)
    kept = next(cells for cells in rows(PAGE) if cells[:2] == ["0.9", "1740"])
    short = simulated.false_alarms(row, SIMULATIONS)
    assert short[:3] == kept[:3]
    assert float(short[3]) == pytest.approx(float(kept[3]), rel=0.15)
    hits = round(float(short[4]) * SIMULATIONS / 100)
    assert stats.binomtest(hits, SIMULATIONS, simulated.LEVEL, "greater").pvalue > 1e-3


def test_large_change_is_found_sooner_than_by_the_simple_jumper() -> None:
    jumper = [bets.linear(slope) for slope in (-1.0, 0.0, 1.0)]
    ours, theirs = (simulated.delay(100, 4.0, SIMULATIONS, used) for used in (bets.BETS, jumper))
    kept = next(cells for cells in rows(PAGE) if cells[:2] == ["100", "4"] and len(cells) == 6)
    assert abs(int(ours[0]) - int(kept[2])) <= 1 and abs(int(theirs[0]) - int(kept[4])) <= 2
    assert int(ours[0]) < int(theirs[0])


def test_simulated_features_have_the_stated_correlations() -> None:
    found = simulated.features(np.random.default_rng(0), 50_000, 0.9)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=0.05)
    assert np.corrcoef(found.T)[0, 1] == pytest.approx(simulated.SHARED, abs=0.05)
    assert np.corrcoef(found[1:, 0], found[:-1, 0])[0, 1] == pytest.approx(0.9, abs=0.02)
