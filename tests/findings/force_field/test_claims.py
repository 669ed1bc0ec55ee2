"""The paper's claims on force fields, tested on synthetic studies whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars
import pytest
from synthetic_study import Made, write_study

from saibench.analysis.force_field.window_similarity import CENTRED
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, write_table
from saibench.figures.force_field import window_similarity
from saibench.figures.force_field.pairs import narrow_and_wide
from saibench.findings.finding import (
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_TESTED,
    SUPPORTED,
    Finding,
    study_findings,
)
from saibench.findings.force_field import claims as force_field_findings
from saibench.formatting import fixed


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> StudyEvidence:
    return StudyEvidence.load(write_study(tmp_path_factory.mktemp("findings") / "study"))


@pytest.fixture(scope="module")
def found(evidence: StudyEvidence) -> dict[str, Finding]:
    return {one.claim: one for one in force_field_findings.findings(evidence)}


def test_hydrogen_has_the_smallest_mean_error_over_training_sets(
    evidence: StudyEvidence, found: dict[str, Finding]
) -> None:
    """Seeds are averaged first: three of them weigh no more than one."""
    finding = found[force_field_findings.HYDROGEN_LEAST]
    cells = evidence.points.select("point", "window.start", "window.size", "subset.count")
    rows = evidence.table("by_species").filter(polars.col("species") == "H").join(cells, on="point")
    mean = rows.group_by(cells.columns[1:]).agg(polars.col("force_mae").mean())
    assert mean.height == 19
    assert finding.verdict == SUPPORTED
    assert f"H {mean['force_mae'].mean():.1f} [" in finding.numbers
    assert "19 of 19" in finding.numbers


def test_wider_windows_are_better(found: dict[str, Finding]) -> None:
    finding = found[force_field_findings.WIDER_BETTER]
    assert finding.nets_verdict == SUPPORTED
    assert "10 pairs" in finding.numbers


@pytest.mark.parametrize("seeds", [1, 3])
def test_similarity_has_the_same_interval_in_finding_and_figure(seeds: int, tmp_path: Path) -> None:
    made = [Made(0.15 * n, 0.3, seed=seed) for n in range(5) for seed in range(seeds)]
    evidence = StudyEvidence.load(write_study(tmp_path, made, frames=300))
    (finding,) = (
        one
        for one in force_field_findings.findings(evidence)
        if one.claim == force_field_findings.SIMILAR_BETTER
    )
    rho = window_similarity.rank_correlation(evidence)
    assert rho.low < rho.estimate < rho.high and rho.seeds == seeds
    for text in (finding.numbers, window_similarity.caption(evidence)):
        assert fixed(rho) in text


def test_ratio_of_oxygen_to_carbon_is_that_of_the_means(
    evidence: StudyEvidence, found: dict[str, Finding]
) -> None:
    means = dict(
        evidence.table("by_species")
        .group_by("species")
        .agg(polars.col("force_mae").mean())
        .iter_rows()
    )
    finding = found[force_field_findings.OXYGEN_SHORT]
    assert f" {means['O'] / means['C']:.2f} [" in finding.numbers


def test_gains_that_do_not_shrink_contradict_the_claim(tmp_path: Path) -> None:
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
        if one.claim == force_field_findings.GAINS_SHRINK
    ]
    assert shrink.nets_verdict == CONTRADICTED
    assert "1.0 [1.0, 1.0] from 250" in shrink.numbers
    assert "2.0 [2.0, 2.0] from 1,000" in shrink.numbers


def _replace(path: Path, rows: polars.DataFrame, force_mae: np.ndarray) -> None:
    write_table(path, rows.with_columns(force_mae=force_mae), read_fields(path))


def test_a_module_without_findings_is_named(evidence: StudyEvidence) -> None:
    records = {
        point: {**record, "findings": ["saibench.units"]}
        for point, record in evidence.records.items()
    }
    broken = StudyEvidence(evidence.folder, records, evidence.metrics, evidence.sources)
    (finding,) = study_findings(broken)
    assert finding.verdict == NOT_TESTED
    assert "saibench.units" in finding.numbers and "findings" in finding.numbers


def edit(folder: Path, points: str = "*", **replaced: str) -> None:
    """Replace text in the records of a study's points."""
    for path in folder.glob(f"{points}/run.json"):
        text = path.read_text()
        for old, new in replaced.items():
            text = text.replace(old, new)
        path.write_text(text)


def of_ethanol(folder: Path) -> Path:
    """Windows of another molecule, with other frames at other times."""
    made = [
        Made(start, size, seed=7) for start, size in ((0, 0.3), (0, 0.6), (0.15, 0.3), (0.3, 0.3))
    ]
    study = write_study(folder, made, frames=80)
    edit(study, "*seed7*", aspirin="ethanol")
    for path in study.glob("*seed7*/samples.parquet"):
        rows = polars.read_parquet(path)
        write_table(path, rows.with_columns(polars.col("time") * 3), read_fields(path))
    return study


def of_aspirin(folder: Path, budget: str = "00:00:30:00", seed: int = 0) -> Path:
    made = [
        Made(start, size, seed=seed) for start, size in ((0, 0.3), (0, 0.9), (0.3, 0.3), (0.6, 0.3))
    ]
    study = write_study(folder, made, frames=60)
    edit(study, f"*seed{seed}*", **{"00:00:30:00": budget})
    return study


def found_in(study: Path) -> set[tuple[str, str, str]]:
    found = force_field_findings.findings(StudyEvidence.load(study))
    assert not [one for one in found if one.verdict == NOT_TESTED]
    return {(one.claim, one.verdict, one.numbers) for one in found}


@pytest.mark.parametrize(
    ("other", "variants"),
    [
        (of_ethanol, {"data = aspirin", "data = ethanol"}),
        (
            partial(of_aspirin, budget="00:02:00:00", seed=5),
            {"trainer.max_time = 00:00:30:00", "trainer.max_time = 00:02:00:00"},
        ),
    ],
    ids=["another molecule", "another budget"],
)
def test_runs_with_other_settings_are_tested_separately(
    other: Callable[[Path], Path], variants: set[str], tmp_path: Path
) -> None:
    alone = found_in(of_aspirin(tmp_path / "one")), found_in(other(tmp_path / "other"))
    both = other(of_aspirin(tmp_path / "both"))
    assert found_in(both) == alone[0] | alone[1]
    found = force_field_findings.findings(StudyEvidence.load(both))
    assert {one.variant for one in found} == variants


def test_held_out_partition_can_have_another_name(tmp_path: Path) -> None:
    first, second = of_aspirin(tmp_path / "first"), of_aspirin(tmp_path / "second")
    for path in second.glob("*/*.parquet"):
        rows = polars.read_parquet(path).with_columns(partition=polars.lit("tomorrow"))
        whole = rows.with_columns(
            partition=polars.lit("whole"), force_mae=polars.col("force_mae") * 9
        )
        write_table(path, polars.concat([whole, rows]), read_fields(path))
    for path in second.glob("*/metrics.json"):
        path.write_text(path.read_text().replace("last_tenth", "tomorrow"))
    held_out = '"settings": {"held_out": "tomorrow",'
    edit(second, **{"last_tenth": "tomorrow", '"settings": {': held_out})
    assert StudyEvidence.load(second).held_out == "tomorrow"
    assert found_in(second) == found_in(first)


def test_windows_of_unequal_counts_are_not_compared(tmp_path: Path) -> None:
    made = [Made(0, 0.3, 500), Made(0, 0.9, 1000), Made(0.3, 0.3, 500), Made(0.6, 0.3, 500)]
    study = write_study(tmp_path / "study", made, frames=60)
    edit(study, **{f'"subset.count": {count}': '"subset.count": null' for count in (500, 1000)})
    found = force_field_findings.findings(StudyEvidence.load(study))
    assert not [one for one in found if one.claim == force_field_findings.WIDER_BETTER]
    assert narrow_and_wide(StudyEvidence.load(study)) is None
    (zig_zag,) = [one for one in found if one.claim == force_field_findings.ZIG_ZAG]
    assert zig_zag.variant == "500 samples"
    assert "90 %" not in zig_zag.numbers


def test_missing_column_is_reported_for_its_claim_alone(tmp_path: Path) -> None:
    study = write_study(
        tmp_path / "study", [Made(start, 0.3) for start in (0, 0.1, 0.2, 0.3, 0.4)], 60
    )
    for path in study.glob("*/samples.parquet"):
        fields = [field for field in read_fields(path) if field.name != CENTRED]
        write_table(path, polars.read_parquet(path).drop(CENTRED), fields)
    *answered, last = force_field_findings.findings(StudyEvidence.load(study))
    assert last.verdict == NOT_TESTED
    assert last.claim == force_field_findings.SIMILAR_BETTER and CENTRED in last.numbers
    assert {one.verdict for one in answered} <= {SUPPORTED, CONTRADICTED, INCONCLUSIVE}
    assert len(answered) == 3


def test_runs_tested_on_different_samples_are_not_compared(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", [Made(0, 0.3), Made(0, 0.6)], frames=60)
    path = next(study.glob("*/samples.parquet"))
    write_table(path, polars.read_parquet(path).head(40), read_fields(path))
    found = force_field_findings.findings(StudyEvidence.load(study))
    assert {one.verdict for one in found} == {NOT_TESTED}
    assert all("different samples of last_tenth" in one.numbers for one in found)
