"""A small run of the simulation of docs/results/statistics/blocks.md."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats

from benchmarks import coverage_of_blocks
from benchmarks.coverage_of_blocks import SINGLE, TOGETHER, ar1, measured, study, windows
from benchmarks.simulation import table_cells

PAGE = coverage_of_blocks.TARGET.read_text(encoding="utf-8")
SIMULATIONS = 30


def rows(text: str) -> dict[tuple[str, ...], list[str]]:
    """Numbers of the table, by errors, n, declaration and number of columns."""
    return {
        (*cells[:3], str(len(cells))): cells[3:]
        for cells in table_cells(text)
        if cells[1].isdigit()
    }


def test_short_run_agrees_with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the binomial error of so few simulations."""
    for name in ("SINGLE", "TOGETHER"):
        of_200 = [row for row in getattr(coverage_of_blocks, name) if row[1] == 200]
        monkeypatch.setattr(coverage_of_blocks, name, of_200)
    kept, short = rows(PAGE), rows(coverage_of_blocks.page(SIMULATIONS))
    assert len(kept) == len(SINGLE) + len(TOGETHER)
    assert len(short) == 14 and set(short) < set(kept)
    for key, cells in short.items():
        expected = kept[key]
        assert 2 / 3 < float(cells[0]) / float(expected[0]) < 1.5
        studies = SIMULATIONS if len(cells) == 4 else 2 * SIMULATIONS // 3
        for column in (1,) if len(cells) == 4 else (1, 2):
            hits = round(studies * float(cells[column]) / 100)
            found = stats.binomtest(hits, studies, float(expected[column]) / 100)
            assert found.pvalue > 1e-3 / len(short), (key, cells, expected)


def test_simulated_errors_have_the_stated_correlations() -> None:
    rng = np.random.default_rng(0)
    series = ar1(rng, 20_000, 0.9)
    assert np.corrcoef(series[1:], series[:-1])[0, 1] == pytest.approx(0.9, abs=0.02)
    assert series.std() == pytest.approx(1, abs=0.1)
    _, every_frame = windows(1)
    frames = every_frame(rng, 20_000)
    assert np.corrcoef(frames[29:], frames[:-29])[0, 1] == pytest.approx(0, abs=0.1)
    assert np.corrcoef(frames[1:], frames[:-1])[0, 1] > 0.95
    errors = study(rng, lambda rng, count: rng.standard_normal(count), 20_000)
    apart = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(np.corrcoef(errors.T)[apart], 0.5, atol=0.03)


def test_row_of_too_few_blocks_reports_missing_intervals() -> None:
    (row,) = (row for row in SINGLE if row[0][0] == "AR(1), a = 0.97" and row[1] == 50)
    name, count, declared, blocks, covered, without, contradicted = measured(row, 20)
    assert (name, count, declared) == ("AR(1), a = 0.97", "50", "time")
    assert float(blocks) < 4 and 20 < float(without) < 95 and contradicted == "0.0"
    assert re.fullmatch(r"\d+\.\d", covered)
