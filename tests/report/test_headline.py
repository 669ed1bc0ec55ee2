"""Settings of a workload's card for table and export, and defaults for older records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import WINDOWS, write_study

from saibench.evidence.known import listed
from saibench.evidence.reader import StudyEvidence
from saibench.report.export import export
from saibench.report.headline import headline_metrics


def study(folder: Path, **entries: Any) -> StudyEvidence:
    written = write_study(folder / "study", WINDOWS[:1], frames=40, figures=[])
    for path in written.glob("*/run.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return StudyEvidence.load(written)


def test_a_workload_names_its_abbreviations(tmp_path: Path) -> None:
    labels = [one.label for one in headline_metrics(study(tmp_path))]
    assert "force MAE" in labels
    named = study(tmp_path / "named", abbreviations=["force"])
    assert "FORCE MAE" in [one.label for one in headline_metrics(named)]


@pytest.mark.parametrize(
    ("entries", "excluded"),
    [
        ({}, {"by_atom"}),  # the default for records of saibench 0.1
        ({"not_exported": []}, set()),
        ({"not_exported": ["by_species"]}, {"by_species"}),
    ],
)
def test_a_workload_names_the_tables_that_are_not_exported(
    entries: dict[str, Any], excluded: set[str], tmp_path: Path
) -> None:
    target = export(study(tmp_path, **entries), tmp_path / "out", [])
    found = {path.stem for path in (target / "evidence").glob("*.parquet")}
    assert {"samples", "by_species", "by_atom"} - found == excluded


def test_older_records_have_the_defaults_of_saibench_0_1() -> None:
    assert listed([{}], "abbreviations") == ["csi"]
    assert listed([{"abbreviations": []}], "abbreviations") == []
    assert listed([{"abbreviations": ["f1"]}, {}], "abbreviations") == ["f1", "csi"]
