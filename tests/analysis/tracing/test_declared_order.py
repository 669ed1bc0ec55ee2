"""The declared time column orders the samples, whatever its name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars
import pytest
from made_traces import CORNERS, PARTITION, TRACE, write_traced_study

from saibench.analysis.tracing.bias import trace_bias
from saibench.analysis.tracing.config import trace_config
from saibench.analysis.tracing.study_traces import trace_points
from saibench.analysis.two_axes import two_axes
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, read_table, write_table
from saibench.figures import biased_stretches
from saibench.report.export import export
from saibench.report.packed import Packer
from saibench.report.page_data import page_data, page_studies

NAMELESS = {"trace": {key: value for key, value in TRACE["trace"].items() if key != "along"}}


def study(folder: Path, column: str | None) -> StudyEvidence:
    """The synthetic study with its times in a declared column; None declares no time."""
    write_traced_study(folder, record=NAMELESS)
    for path in folder.glob("*/samples.parquet"):
        named = {"time": column or "phase"}
        fields = [replace(f, name=named.get(f.name, f.name)) for f in read_fields(path)]
        write_table(path, read_table(path).rename(named).sort("chance"), fields)
        record = json.loads((path.parent / "run.json").read_text())
        kind = "sample" if column is None else "time"
        record["blocks"] = {"kind": kind, "column": column, "strata": None}
        (path.parent / "run.json").write_text(json.dumps(record))
    return StudyEvidence.load(folder)


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return study(tmp_path_factory.mktemp("times") / "study", "time")


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return study(tmp_path_factory.mktemp("renamed") / "study", "valid_at")


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return study(tmp_path_factory.mktemp("without") / "study", None)


def test_bias_is_traced_along_the_declared_column(
    times: StudyEvidence, renamed: StudyEvidence
) -> None:
    assert trace_config(times).along == "time" and trace_config(renamed).along == "valid_at"
    one, other = (
        trace_bias(
            evidence, CORNERS[0].point, PARTITION, "energy_error", trace_config(evidence).along
        )
        for evidence in (times, renamed)
    )
    assert other.along.name == "valid_at" and len(one.stretches) > 1
    assert replace(other, along=one.along) == one


def test_two_axes_use_the_declared_column(times: StudyEvidence, renamed: StudyEvidence) -> None:
    across = ("window", "subset.count")
    one, other = (
        two_axes(evidence, "energy_error", trace_config(evidence).along, across)
        for evidence in (times, renamed)
    )
    assert other.changes == one.changes


def test_other_features_are_not_the_order(renamed: StudyEvidence) -> None:
    found = trace_bias(renamed, CORNERS[0].point, PARTITION, "energy_error", "valid_at")
    features = {one.feature.name for stretch in found.stretches for one in stretch.contrasts}
    assert "chance" in features and "valid_at" not in features


def test_samples_without_an_order_need_a_named_feature(without: StudyEvidence) -> None:
    config = trace_config(without)
    assert config.along == ""
    with pytest.raises(UserError, match=r"--along .*phase, distance"):
        trace_points(without, [CORNERS[0].point], config)
    assert "--along" in str(biased_stretches.needs(without))


def test_the_page_has_the_order(renamed: StudyEvidence, without: StudyEvidence) -> None:
    orders = [page_data(page_studies([one]), Packer())["orders"] for one in (renamed, without)]
    assert orders == [["valid_at"], []]


def test_exported_times_keep_their_digits(renamed: StudyEvidence, tmp_path: Path) -> None:
    kept = read_table(export(renamed, tmp_path / "kept", []) / "evidence" / "samples.parquet")
    assert kept["valid_at"].dtype == polars.Float64
    assert kept["distance"].dtype == polars.Float32
