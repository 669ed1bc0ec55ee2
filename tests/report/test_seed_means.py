"""Means and standard deviations over seeds, compared with numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_study import Made, write_study

from saibench.evidence.reader import StudyEvidence
from saibench.report.export import export
from saibench.report.headline import headline_metrics
from saibench.report.measured import MeasuredMetrics
from saibench.report.page import render
from saibench.report.seed_means import SeedMean, SettingRow, setting_rows

SEEDS = [Made(size=0.9, seed=seed) for seed in range(3)]
SINGLE = Made(size=0.3)


def study(folder: Path, made: list[Made]) -> StudyEvidence:
    return StudyEvidence.load(write_study(folder, made, frames=40, figures=[]))


def rows_of(evidence: StudyEvidence) -> list[SettingRow]:
    return setting_rows(evidence, headline_metrics(evidence), MeasuredMetrics(evidence))


def test_mean_and_deviation_are_over_the_seeds_of_a_setting(tmp_path: Path) -> None:
    evidence = study(tmp_path, [*SEEDS, SINGLE])
    rows = {row.seeds: row for row in rows_of(evidence)}
    assert set(rows) == {3, 1}
    for metric in headline_metrics(evidence):
        values = [
            evidence.metrics[made.point][metric.partition][metric.name]["value"] for made in SEEDS
        ]
        found = rows[3].means[metric.key]
        assert found.mean == pytest.approx(np.mean(values), rel=1e-12)
        assert found.std == pytest.approx(np.std(values, ddof=1), rel=1e-9)
        assert " ± " in str(found) and "±" not in str(rows[1].means[metric.key])


def test_a_seed_without_a_value_is_counted() -> None:
    assert "2 of 3" in str(SeedMean.of([1.0, 2.0], 3))
    assert "1 of 3" in str(SeedMean.of([1.0], 3))
    assert " of " not in str(SeedMean.of([1.0, 2.0, 3.0], 3))


def test_page_and_export_have_them(tmp_path: Path) -> None:
    evidence = study(tmp_path / "study", [*SEEDS, SINGLE])
    found = str(rows_of(evidence)[0].means["last_tenth/force_mae"])
    page = render(evidence)
    assert found in page and 'class="number single">one seed<' in page
    text = (export(evidence, tmp_path / "out") / "README.md").read_text()
    assert f"| {found} |" in text and "| one seed |" in text


def test_a_study_of_single_seeds_has_no_such_table(tmp_path: Path) -> None:
    evidence = study(tmp_path, [SEEDS[0], SINGLE])
    assert rows_of(evidence) == []
    assert "Means over seeds" not in render(evidence)
