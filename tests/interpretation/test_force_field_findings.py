"""The paper's findings, asked of studies in which the answer is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars
import pytest
from synthetic_study import Made, write_study

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.interpretation import force_field_findings
from saibench.interpretation.finding import NOT_SEEN, SEEN, Finding, study_findings


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return StudyEvidence.load(write_study(tmp_path_factory.mktemp("findings") / "study"))


@pytest.fixture(scope="module")
def found(evidence: StudyEvidence) -> dict[str, Finding]:
    return {one.claim.split(" (")[0]: one for one in force_field_findings.findings(evidence)}


def test_hydrogen_erring_least_is_seen_with_its_plain_mean(
    evidence: StudyEvidence, found: dict[str, Finding]
) -> None:
    finding = found["hydrogen errs least"]
    rows = evidence.by_species.filter(polars.col("species") == "H")
    assert finding.verdict == SEEN
    assert f"H {rows['force_mae'].mean():.1f} [" in finding.numbers


def test_wider_windows_of_the_made_up_study_are_seen_to_be_better(
    found: dict[str, Finding],
) -> None:
    finding = found["at an equal start, wider windows are better"]
    assert finding.verdict == SEEN
    assert "over 10 pairs" in finding.numbers


def test_ratio_of_oxygen_to_carbon_is_the_plain_one(
    evidence: StudyEvidence, found: dict[str, Finding]
) -> None:
    means = dict(
        evidence.by_species.group_by("species").agg(polars.col("force_mae").mean()).iter_rows()
    )
    finding = next(one for claim, one in found.items() if claim.startswith("errors of oxygen"))
    assert f"is {means['O'] / means['C']:.2f} [" in finding.numbers


def test_gains_that_do_not_shrink_are_not_called_shrinking(tmp_path: Path) -> None:
    counts = (250, 500, 1000, 2000, 4000)
    made = [Made(0.0, 0.9, count, 0) for count in counts]
    folder = write_study(tmp_path / "study", made)
    for path in sorted(folder.glob("*/samples.parquet")):
        record = StudyEvidence.load(path.parent).points.row(0, named=True)
        gain = 1 if record["subset.count"] <= 1000 else 2
        doublings = math.log2(record["subset.count"] / 1000)
        rows = polars.read_parquet(path)
        noise = np.random.default_rng(0).uniform(0.9, 1.1, rows.height)
        _replace(path, rows, 40 * 2 ** (-gain * doublings) * noise)
    (shrink,) = [
        one
        for one in force_field_findings.findings(StudyEvidence.load(folder))
        if "shrink" in one.claim
    ]
    assert shrink.verdict == NOT_SEEN
    assert "1.0 [1.0, 1.0] from 250 to 1,000, 2.0 [2.0, 2.0] from 1,000 to 4,000" in shrink.numbers


def _replace(path: Path, rows: polars.DataFrame, force_mae: np.ndarray) -> None:
    from saibench.evidence.schema import read_fields, write_table

    write_table(path, rows.with_columns(force_mae=force_mae), read_fields(path))


def test_a_module_without_findings_is_named(evidence: StudyEvidence) -> None:
    records = {
        point: {**record, "findings": ["saibench.units"]}
        for point, record in evidence.records.items()
    }
    broken = StudyEvidence(evidence.folder, records, evidence.metrics, evidence.sources)
    with pytest.raises(UserError, match=r"names 'saibench\.units', which has no findings"):
        study_findings(broken)
