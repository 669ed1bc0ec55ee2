"""A small run of the simulation of docs/results/statistics/region_trend.md."""

from __future__ import annotations

import pytest
from scipy import stats

from benchmarks import coverage_of_trends
from benchmarks.coverage_of_trends import RANKINGS, TRENDS, ranking_rows, trend_rows
from benchmarks.simulation import table_cells

PAGE = coverage_of_trends.TARGET.read_text(encoding="utf-8")
SIMULATIONS = 40


def rows(text: str) -> list[list[str]]:
    return [
        cells for cells in table_cells(text) if "---" not in cells[0] and cells[-1][0].isdigit()
    ]


def test_page_has_a_row_for_each_simulation() -> None:
    kept = rows(PAGE)
    assert len(kept) == len(TRENDS) + len(RANKINGS) + len(coverage_of_trends.NULL)
    trends = [cells for cells in kept if len(cells) == 7]
    assert all(float(cells[4]) > 85 and float(cells[5]) > 85 for cells in trends)


def test_short_run_agrees_with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the binomial error of so few simulations."""
    monkeypatch.setattr(coverage_of_trends, "TRENDS", TRENDS[:2])
    monkeypatch.setattr(coverage_of_trends, "RANKINGS", RANKINGS[:1])
    short = [*trend_rows(SIMULATIONS), *ranking_rows(SIMULATIONS)]
    for cells in short:
        number = 4 if len(cells) == 7 else 2
        (kept,) = (one for one in rows(PAGE) if one[:number] == cells[:number])
        for found, expected in zip(cells[number : number + 2], kept[number:], strict=False):
            hits = round(SIMULATIONS * float(found) / 100)
            share = min(float(expected) / 100, 1 - 5e-3)  # 100 % of 150 is not certain
            assert stats.binomtest(hits, SIMULATIONS, share).pvalue > 1e-3 / len(short)
