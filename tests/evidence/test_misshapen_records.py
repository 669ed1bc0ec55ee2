"""Invalid records and metrics are refused, naming the file and the entry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest
from made_audits import audit_of
from synthetic_study import Made, write_study

from saibench.analysis.leak_audit.of_evidence import audits_of
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence, join
from saibench.evidence.schema import read_fields, read_table, write_table

RESULTS = Path(__file__).parents[2] / "docs" / "results"

WRONG: dict[str, dict[str, Any]] = {
    "point": {"point": [1]},
    "state": {"state": 3},
    "settings": {"settings": [1]},
    "settings.held_out": {"settings": {"held_out": 5}},
    "settings.window.start": {"settings": {"window.start": "early"}},
    "partitions": {"partitions": [1]},
    "partitions.train.count": {"partitions": {"train": {"count": "many"}}},
    "seconds": {"seconds": "x"},
    "sessions": {"sessions": "y"},
    "data": {"data": "x"},
    "versions": {"versions": [2]},
    "failure": {"failure": "it broke"},
    "headline": {"headline": [1, {"a": 2}]},
    "figures": {"figures": "saibench.figures.force_field.point_errors"},
    "blocks.kind": {"blocks": {"kind": "nope", "column": 5}},
    "column=time": {"blocks": {"kind": "sample", "column": "time"}},
    "trust.feature": {"trust": {"feature": 5, "statistic": "force_mae"}},
    "trace.response": {"trace": {"response": 3}},
    "learning_curve": {"learning_curve": {"statistic": 1}},
    "reference": {"reference": 3},
    "training.sizes": {"training": {"sizes": "subset.count"}},
    "audit": {"audit": [1]},
    "audit.last_tenth": {"audit": {"last_tenth": {}}},
    "wandb": {"wandb": "x"},
    "files": {"files": {"metrics.json": [1]}},
    "identity": {"identity": 5},
}
WRONG_AUDITS: dict[str, dict[str, Any]] = {
    "audit.last_tenth.score": {"score": None},
    "audit.last_tenth.score.count": {"score": {"estimate": 0.1, "low": 0.1, "high": 0.1}},
    "audit.last_tenth.near": {"near": 0.1},
    "audit.last_tenth.is_resolved": {"is_resolved": "yes"},
    "audit.last_tenth.to_training.0": {"to_training": ["x"]},
    "audit.last_tenth.pairs.0.training": {"pairs": [{"test": 1}]},
    "audit.last_tenth.effect.unit": {"effect": {"statistic": "force_mae"}},
}
WRONG |= {
    entry: {"audit": {"last_tenth": {**audit_of(0.1).to_json(), **change}}}
    for entry, change in WRONG_AUDITS.items()
}
WRONG_METRICS: dict[str, Any] = {
    "last_tenth": {"last_tenth": 5},
    "last_tenth.force_mae": {"last_tenth": {"force_mae": 7}},
    "force_mae.value": {"last_tenth": {"force_mae": {"value": "x"}}},
    "force_mae.unit": {"last_tenth": {"force_mae": {"value": 1.0, "unit": 3}}},
    "force_mae.count": {"last_tenth": {"force_mae": {"value": 1.0, "count": "all"}}},
    "force_mae.of": {"last_tenth": {"force_mae": {"value": 1.0, "of": "force_mae"}}},
}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", [Made(0.0, 0.3)], frames=20)


def rewrite(study: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the joined rows, and remove the run's record."""
    points = join(study) / "points.parquet"
    table, fields = read_table(points), read_fields(points)
    rows = [change(row) for row in table.iter_rows(named=True)]
    write_table(points, polars.DataFrame(rows, schema=table.schema), fields)
    for path in (points.with_name("SHA256SUMS"), *study.glob("*/run.json")):
        path.unlink()


@pytest.mark.parametrize(
    ("name", "entry", "content"),
    [
        *(("run.json", entry, content) for entry, content in WRONG.items()),
        *(("metrics.json", entry, content) for entry, content in WRONG_METRICS.items()),
    ],
    ids=[*WRONG, *WRONG_METRICS],
)
def test_file_is_refused_by_name_and_entry(
    name: str, entry: str, content: dict[str, Any], study: Path
) -> None:
    (path,) = study.glob(f"*/{name}")
    if name == "run.json":
        content = {**json.loads(path.read_text()), **content}
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"{re.escape(str(path))}.*{re.escape(entry)}"):
        StudyEvidence.load(study)


@pytest.mark.parametrize(
    ("entry", "changed"),
    [
        ("object", {"record": "[]"}),
        ("object", {"record": "5"}),
        ("object", {"metrics": "[1]"}),
        ("state", {"record": '{"point": "a", "settings": {}}'}),
        ("settings", {"record": '{"point": "a", "state": "complete", "settings": [1]}'}),
        ("last_tenth", {"metrics": '{"last_tenth": 5}'}),
        ("ud800", {"metrics": '{"last_tenth\\ud800": {}}'}),
        (Made(0.0, 0.3).point, {"point": None}),
        (Made(0.0, 0.3).point, {"point": "other"}),
        ("record", {"record": None}),
    ],
)
def test_joined_record_is_refused_by_file_and_entry(
    entry: str, changed: dict[str, Any], study: Path
) -> None:
    rewrite(study, lambda row: {**row, **changed})
    with pytest.raises(UserError, match=rf"points\.parquet.*{entry}"):
        StudyEvidence.load(study)


def test_point_that_was_joined_twice_is_refused(study: Path) -> None:
    rewrite(study, lambda row: row)
    points = study / "evidence" / "points.parquet"
    table = read_table(points)
    write_table(points, polars.concat([table, table]), read_fields(points))
    with pytest.raises(UserError, match=r"points\.parquet.*second record"):
        StudyEvidence.load(study)


def load_with(study: Path, **changes: Any) -> StudyEvidence:
    (path,) = study.glob("*/run.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return StudyEvidence.load(study)


def test_integer_beyond_64_bits_becomes_text(study: Path) -> None:
    evidence = load_with(study, settings={"large": 2**70})
    assert evidence.points["large"].to_list() == [str(2**70)]


def test_audit_with_further_keys_is_read(study: Path) -> None:
    audit = audit_of(0.1).to_json()
    more = {**audit, "pairs": [{**audit["pairs"][0], "more": 1}], "more": {}}
    (found,) = audits_of(load_with(study, audit={"last_tenth": more}))
    assert found.audit == audit_of(0.1)


def test_workload_without_these_settings_is_recorded_with_lists(study: Path) -> None:
    load_with(study, trust=[], trace=[], learning_curve=[], headline=[])


@pytest.mark.parametrize(
    "folder", sorted({path.parents[1] for path in RESULTS.rglob("run.json")}), ids=str
)
def test_published_runs_of_0_1_are_read(folder: Path) -> None:
    evidence = StudyEvidence.load(folder)
    assert evidence.records.keys() == evidence.metrics.keys()
    assert {one["versions"]["saibench"] for one in evidence.records.values()} == {"0.1.0"}
    assert evidence.samples.height


@pytest.mark.parametrize(
    "folder", sorted({path.parents[1] for path in RESULTS.rglob("points.parquet")}), ids=str
)
def test_published_joined_evidence_is_read(folder: Path) -> None:
    evidence = StudyEvidence.load(folder)
    assert set(evidence.metrics) <= set(evidence.records)
    assert evidence.points.height == len(evidence.records)
