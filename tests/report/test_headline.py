"""What a workload's card says of its table and its export, and what older records leave out."""

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


def study(folder: Path, **said: Any) -> StudyEvidence:
    written = write_study(folder / "study", WINDOWS[:1], frames=40, figures=[])
    for path in written.glob("*/run.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | said))
    return StudyEvidence.load(written)


def test_a_workload_names_its_abbreviations(tmp_path: Path) -> None:
    labels = [one.label for one in headline_metrics(study(tmp_path))]
    assert "force MAE" in labels
    named = study(tmp_path / "named", abbreviations=["force"])
    assert "FORCE MAE" in [one.label for one in headline_metrics(named)]


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ({}, {"by_atom"}),  # as of saibench 0.1, whose records do not say it
        ({"not_exported": []}, set()),
        ({"not_exported": ["by_species"]}, {"by_species"}),
    ],
)
def test_a_workload_names_the_tables_that_are_not_exported(
    said: dict[str, Any], left_out: set[str], tmp_path: Path
) -> None:
    target = export(study(tmp_path, **said), tmp_path / "out", [])
    found = {path.stem for path in (target / "evidence").glob("*.parquet")}
    assert {"samples", "by_species", "by_atom"} - found == left_out


def test_older_records_list_what_saibench_0_1_knew() -> None:
    assert listed([{}], "abbreviations") == ["csi"]
    assert listed([{"abbreviations": []}], "abbreviations") == []
    assert listed([{"abbreviations": ["f1"]}, {}], "abbreviations") == ["f1", "csi"]
