from __future__ import annotations

import json
from pathlib import Path

import polars
import pytest
from matplotlib.figure import Figure
from synthetic_study import Made, write_study

from saibench.analysis.bootstrap import block_bootstrap
from saibench.analysis.learning_curve.reading import curve_config, learning_curves
from saibench.analysis.seeds import with_seeds
from saibench.cli import _commands
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module
from saibench.findings.learning_curve import findings
from saibench.settings import LearningCurveSettings, validated

COUNTS = (200, 400, 800, 1600, 3200)
TARGET = 14.0


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curves") / "study"
    made = [Made(size=0.9, count=count, seed=seed) for count in COUNTS for seed in (0, 1)]
    write_study(folder, [*made, Made(size=0.3, count=200)], frames=120)
    for path in folder.glob("*/run.json"):
        record = json.loads(path.read_text())
        record["learning_curve"] = {"statistic": "force_mae", "target": TARGET}
        path.write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def evidence(study: Path) -> StudyEvidence:
    return StudyEvidence.load(study)


def test_a_curve_has_the_means_of_the_evidence(evidence: StudyEvidence) -> None:
    (curve,) = learning_curves(evidence, curve_config(evidence))
    assert curve.label == "window = 0–90 %"
    assert tuple(curve.sizes) == COUNTS
    counts = evidence.points.filter(polars.col("window.size") == 0.9).select("point", "train_count")
    means = (
        evidence.samples.join(counts, on="point")
        .group_by("train_count")
        .agg(polars.col("force_mae").mean())
        .sort("train_count")
    )
    assert curve.errors.tolist() == pytest.approx(means["force_mae"].to_list())
    assert [len(trainings) for trainings in curve.trainings] == [2] * len(COUNTS)


def test_a_position_of_an_axis_is_a_statistic(evidence: StudyEvidence) -> None:
    (curve,) = learning_curves(evidence, curve_config(evidence, statistic="species=O/force_mae"))
    oxygen = evidence.table("by_species").filter(polars.col("species") == "O")
    largest = oxygen.filter(polars.col("point").is_in(curve.points[-1]))
    assert curve.errors[-1] == pytest.approx(largest["force_mae"].mean())
    with pytest.raises(UserError, match="species"):
        learning_curves(evidence, curve_config(evidence, statistic="species=X/force_mae"))
    with pytest.raises(UserError, match="'force_mae'"):
        learning_curves(evidence, curve_config(evidence, statistic="force_mea"))


def test_an_error_is_the_distance_from_the_ideal_value(evidence: StudyEvidence) -> None:
    config = curve_config(evidence, statistic="force_mae", ideal=1.0, target=3.0)
    assert config.target_error == 2.0
    (curve,) = learning_curves(evidence, config)
    (plain,) = learning_curves(evidence, curve_config(evidence))
    assert curve.errors.tolist() == pytest.approx((plain.errors - 1).tolist())


def test_the_target_of_another_statistic_is_not_used(evidence: StudyEvidence) -> None:
    assert curve_config(evidence).target == TARGET
    assert curve_config(evidence, statistic="force_error_norm").target is None


@pytest.mark.parametrize(("ideal", "target"), [(None, -5.0), (1000.0, 1200.0)])
def test_a_target_beyond_the_error_free_value_is_refused(
    evidence: StudyEvidence, ideal: float | None, target: float
) -> None:
    config = curve_config(evidence, statistic="force_mae", ideal=ideal, target=target)
    with pytest.raises(UserError, match=rf"target {target:g} of force_mae"):
        learning_curves(evidence, config)


def test_statistic_without_rows_on_the_partition_is_refused(
    evidence: StudyEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of no run: another partition may have them, such as one with draws."""
    read = StudyEvidence.table

    def of_another_partition(self: StudyEvidence, name: str) -> polars.DataFrame:
        return read(self, name).with_columns(partition=polars.lit("other"))

    monkeypatch.setattr(StudyEvidence, "table", of_another_partition)
    with pytest.raises(UserError, match="species=O/force_mae"):
        learning_curves(evidence, curve_config(evidence, statistic="species=O/force_mae"))


def test_command_prints_law_check_and_data_needed(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _commands(["learning-curve", str(study), "--target", "12"]) == 0
    printed = capsys.readouterr().out
    assert "10 trainings" in printed
    assert "Law: power" in printed
    assert "Check: the law of the sizes up to 1,600" in printed
    assert "A force MAE of 12.0 meV/Å needs" in printed


def test_mistakes_are_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--reach 0\.5"):
        _commands(["learning-curve", str(study), "--reach", "0.5"])
    with pytest.raises(UserError, match="--target nan"):
        _commands(["learning-curve", str(study), "--target", "nan"])
    alone = write_study(tmp_path / "alone", [Made(), Made(seed=1)], frames=30)
    with pytest.raises(UserError, match=r"subset\.count=200"):
        _commands(["learning-curve", str(alone), "--statistic", "force_mae"])
    few = write_study(tmp_path / "few", [Made(count=count) for count in COUNTS[:3]], frames=30)
    with pytest.raises(UserError, match="3 training set sizes"):
        _commands(["learning-curve", str(few)])
    with pytest.raises(UserError, match="unknown key"):
        validated(LearningCurveSettings, {"statistic": "force_mae", "goal": 1})


def test_findings_have_the_verdicts_of_the_numbers(evidence: StudyEvidence) -> None:
    found = {finding.claim: finding for finding in findings(evidence)}
    by_verdict = [finding.verdict for finding in found.values()]
    assert by_verdict == ["supported", "contradicted", "supported"]  # a power law, drawn as one
    assert all(finding.error is None for finding in found.values())


def test_one_seed_per_size_decides_for_its_nets_only(tmp_path: Path) -> None:
    made = [Made(size=0.9, count=count) for count in COUNTS]
    folder = write_study(tmp_path / "study", made, frames=120)
    found = findings(StudyEvidence.load(folder))
    assert {finding.verdict for finding in found} == {"inconclusive"}
    assert {finding.nets_verdict for finding in found} & {"supported", "contradicted"}


def test_intervals_of_sizes_cover_their_seeds(evidence: StudyEvidence) -> None:
    (curve,) = learning_curves(evidence, curve_config(evidence))
    for size, found in enumerate(curve.intervals()):
        alone = block_bootstrap(curve.values[:, size], curve.blocks)
        expected = with_seeds(alone, [curve.trainings[size]])
        assert found.seeds == 2
        assert (found.low, found.high) == pytest.approx((max(expected.low, 0.0), expected.high))
        assert found.high >= alone.high * (1 - 1e-12)


def test_figure_has_table_and_caption(evidence: StudyEvidence, tmp_path: Path) -> None:
    module = figure_module("saibench.figures.learning_curve")
    assert module.needs(evidence) is None
    assert isinstance(module.draw(evidence), Figure)
    table = module.table(evidence)
    seen = table.filter(polars.col("curve") == "seen")
    assert seen["train_count"].to_list() == list(COUNTS)
    assert "Law: power" in module.caption(evidence)
    few = write_study(tmp_path / "few", [Made(count=count) for count in COUNTS[:3]], frames=30)
    reason = module.needs(StudyEvidence.load(few))
    assert reason is not None and "3 training set sizes" in reason
