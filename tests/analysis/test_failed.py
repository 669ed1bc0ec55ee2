"""Analyses of a study in which a model failed for some samples, whose error is infinite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from made_traces import CORNERS, PARTITION, write_traced_study

from saibench.analysis.learning_curve.reading import CurveConfig, learning_curves
from saibench.analysis.tracing.bias import trace_bias
from saibench.analysis.tracing.config import trace_config
from saibench.analysis.tracing.reading import Untraceable
from saibench.analysis.tracing.trace import trace_response
from saibench.analysis.trusted_range.config import TrustConfig
from saibench.analysis.trusted_range.reading import read_samples
from saibench.analysis.two_axes import two_axes
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, read_table, write_table
from saibench.report.page import write_report

FAILED = [1100, 1101, 1250]
FOLDERS = [one.slug for one in CORNERS]
POINTS = [one.point for one in CORNERS]


def fail(file: Path, column: str, chosen: polars.Expr) -> None:
    table, fields = read_table(file), read_fields(file)
    value = polars.when(chosen).then(float("inf")).otherwise(polars.col(column)).alias(column)
    write_table(file, table.with_columns(value), fields)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_traced_study(tmp_path_factory.mktemp("failed") / "study")
    at = polars.col("sample_id").is_in(FAILED)
    for name in FOLDERS:
        fail(folder / name / "samples.parquet", "force_mae", at)
        fail(folder / name / "samples.parquet", "energy_error", at)
        fail(folder / name / "by_species.parquet", "force_mae", (polars.col("species") == "O") & at)
    return folder


@pytest.fixture(scope="module")
def evidence(study: Path) -> StudyEvidence:
    return StudyEvidence.load(study)


FAILURES = r"3 of 396 samples of last_tenth failed: their {} is infinite"


def test_failures_have_no_bound(evidence: StudyEvidence) -> None:
    with pytest.raises(UserError, match=FAILURES.format("force_mae")):
        read_samples(evidence, POINTS[:1], TrustConfig("force_mae", ("distance",)))


def test_failures_have_no_learning_curve(evidence: StudyEvidence) -> None:
    with pytest.raises(UserError, match=r"3 of 400 samples .* force_mae is infinite"):
        learning_curves(evidence, CurveConfig("force_mae"))


def test_failures_have_no_bias(evidence: StudyEvidence) -> None:
    with pytest.raises(Untraceable, match=FAILURES.format("energy_error")):
        trace_bias(evidence, POINTS[0], PARTITION, "energy_error", "time")


def test_failures_have_no_change_along_an_axis(evidence: StudyEvidence) -> None:
    with pytest.raises(UserError, match=FAILURES.format("energy_error")):
        two_axes(evidence, "energy_error", "time", ("window", "subset.count"))


def test_a_component_that_failed_has_no_share(study: Path, tmp_path: Path) -> None:
    folder = write_traced_study(tmp_path / "study", CORNERS[:1])
    file = folder / FOLDERS[0] / "by_species.parquet"
    fail(file, "force_mae", polars.col("sample_id").is_in(FAILED) & (polars.col("species") == "O"))
    evidence = StudyEvidence.load(folder)
    found = trace_response(evidence, POINTS[0], PARTITION, "force_mae", trace_config(evidence))
    assert [one for one in found.notes if "species O" in one and "failed" in one]
    assert {one.of for one in found.components} == {"kind"}
    assert np.isfinite(found.mean.estimate)  # of the samples, which did not fail


def test_a_page_is_written(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = write_report(study)
    assert page.stat().st_size > 50_000
    assert "Traceback" not in capsys.readouterr().err
