"""The four answers, on studies whose errors are known by construction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars
import pytest
from made_audits import audit_of
from made_traces import CORNERS, write_traced_study
from made_trust import PARTITION, write_trust_study

from saibench.analysis.answers import Answers, study_answers
from saibench.analysis.answers.drivers import drivers
from saibench.analysis.trusted_range import trusted_range_of
from saibench.analysis.trusted_range.study_ranges import fit_all
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import read_fields, read_table, write_table

TRUST = {"trust": {"feature": "distance", "statistic": "force_mae", "tolerance": 60.0}}
OLD = Path(__file__).parents[3] / "docs" / "results"


@pytest.fixture(scope="module")
def of_trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyEvidence, Answers]:
    folder = write_trust_study(tmp_path_factory.mktemp("trust"), num_blocks=40, record=TRUST)
    evidence = StudyEvidence.load(folder)
    return evidence, study_answers(evidence)


def errors_of(evidence: StudyEvidence, slug: str) -> polars.Series:
    """Errors by sample of one run, without samples that were seen or undefined."""
    own = {record["slug"]: point for point, record in evidence.records.items()}[slug]
    rows = evidence.samples.filter(
        (polars.col("point") == own)
        & ~polars.col("seen_in_training")
        & polars.col("force_mae").is_not_nan()
    )
    return rows.sort("sample_id")["force_mae"]


def test_the_best_run_is_compared_in_pairs(of_trust: tuple[StudyEvidence, Answers]) -> None:
    evidence, answers = of_trust
    assert answers.best.numbers is not None
    best, other = answers.best.numbers.models
    near, far = (errors_of(evidence, slug).to_numpy() for slug in ("near", "far"))
    assert best.mean.estimate == pytest.approx(near.mean())
    assert other.difference is not None and best.difference is None
    assert other.difference.estimate == pytest.approx((far - near).mean())
    paired = (far - near)[: 10 * (len(near) // 10)].reshape(-1, 10).mean(axis=1)
    standard_error = paired.std(ddof=1) / np.sqrt(len(paired))
    width = (other.difference.high - other.difference.low) / 2
    assert 1.4 * standard_error < width < 3.0 * standard_error, "2, up to the length of blocks"
    assert other.is_worse and "significant" in answers.best.sentence
    assert any("seed" in one for one in answers.best.cautions)


def test_trust_is_that_of_the_best_run(of_trust: tuple[StudyEvidence, Answers]) -> None:
    evidence, answers = of_trust
    assert answers.trust.numbers is not None and answers.best.numbers is not None
    found, (run,) = answers.trust.numbers, answers.best.numbers.models[0].runs
    own = trusted_range_of(evidence, points=[run])
    assert found.intervals == own.trusted().intervals and found.intervals
    samples = evidence.samples.filter(
        (polars.col("point") == run)
        & ~polars.col("seen_in_training")
        & polars.col("force_mae").is_not_nan()
    )
    bound = own.check(samples["distance"].to_numpy())
    assert found.share is not None
    assert found.share.estimate == pytest.approx((bound.inside & (bound.upper <= 60)).mean())
    assert f"{100 * found.share.estimate:.1f} %" in answers.trust.sentence
    assert "60" in answers.trust.sentence
    np.testing.assert_allclose(found.bound, own.check(found.positions).upper)


def test_drivers_are_the_features_and_components_of_the_errors(tmp_path: Path) -> None:
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", CORNERS[:1]))
    answer = study_answers(evidence).drivers
    assert answer.numbers is not None
    first, second = answer.numbers.drivers
    assert (first.name, first.kind) == ("distance", "feature") and first.share.low > 0.5
    assert (second.name, second.kind) == ("species O", "component")
    assert second.share.estimate == pytest.approx(0.5) and second.size == pytest.approx(1 / 3)
    assert "50.0 %" in answer.sentence


def test_features_of_the_bound_stand_in_for_an_error_that_cannot_be_traced(
    of_trust: tuple[StudyEvidence, Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(evidence: StudyEvidence) -> None:
        raise UserError("too few blocks")

    monkeypatch.setattr("saibench.analysis.answers.drivers.study_traces", refuse)
    evidence, answers = of_trust
    assert answers.best.numbers is not None
    answer = drivers(evidence, answers.best.numbers.models[0].runs, "?")
    assert answer.numbers is not None and "too few blocks" in answer.cautions[0]
    (one,) = answer.numbers.drivers
    candidates = fit_all(evidence)[-2].trusted.competition.candidates
    gains = [found.gain for found in candidates if found.features == ("distance",)]
    assert (one.name, one.kind) == ("distance", "predictor")
    assert one.share.estimate == max(gains) and one.share.low > 0


def test_seeds_of_one_setting_are_one_model(tmp_path: Path) -> None:
    seeds = [replace(CORNERS[1], seed=seed) for seed in (0, 1, 2)]
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", seeds, frames=240))
    answers = study_answers(evidence)
    assert answers.best.numbers is not None and answers.fairness.numbers is not None
    (model,) = answers.best.numbers.models
    assert model.seeds == 3 == answers.fairness.numbers.seeds
    assert answers.best.cautions == ()
    unseen = evidence.samples.filter(~evidence.samples["seen_in_training"])
    means = unseen.group_by("point").agg(polars.col("force_mae").mean())["force_mae"]
    assert model.std == pytest.approx(means.std(), rel=1e-9), "n - 1, as in polars"
    assert "over 3 seeds" in answers.best.sentence


def test_equal_errors_are_not_a_real_difference(tmp_path: Path) -> None:
    points = [CORNERS[1], CORNERS[2]]  # one distribution of force errors
    evidence = StudyEvidence.load(write_traced_study(tmp_path / "study", points, frames=240))
    best = study_answers(evidence).best
    assert best.numbers is not None
    assert not best.numbers.models[1].is_worse and "not significant" in best.sentence


def test_fairness_names_seeds_blocks_and_leaks(tmp_path: Path) -> None:
    folder = write_trust_study(tmp_path / "study", points=("near",), num_blocks=10, size=4)
    record = json.loads((folder / "near/run.json").read_text())
    audit = audit_of(0.4)
    record["audit"] = {PARTITION: audit.to_json()}
    record["partitions"]["train"] = {"hash": "2", "count": 300, "describe": "made-up"}
    (folder / "near/run.json").write_text(json.dumps(record))
    answer = study_answers(StudyEvidence.load(folder)).fairness
    found = answer.numbers
    assert found is not None and found.audit is not None
    assert (found.test, found.training, found.seeds) == ((40, 40), (300, 300), 1)
    assert found.seen == pytest.approx(7 / 40)
    assert found.audit.score.estimate == 0.4
    cautions = " ".join(answer.cautions)
    for part in ("single seed", f"{found.blocks[0]} independent", "17.5 %", "40.0 %"):
        assert part in cautions
    assert found.blocks[0] == found.blocks[1] < 20


def test_an_answer_that_cannot_be_given_says_why(tmp_path: Path) -> None:
    folder = write_trust_study(tmp_path / "study", points=("near",))
    for path in folder.rglob("samples.parquet"):
        rows = read_table(path).with_columns(force_mae=polars.lit(float("nan")))
        write_table(path, rows, read_fields(path))
    answers = study_answers(StudyEvidence.load(folder))
    assert answers.trust.numbers is None and "trust" in answers.trust.sentence
    assert answers.fairness.numbers is not None
    assert all(one.sentence and one.error is None for one in answers)


def test_a_defect_is_kept_with_its_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("saibench.analysis.answers.study.fairness", fails)
    folder = write_trust_study(tmp_path / "study", points=("near",), num_blocks=10, size=4)
    answers = study_answers(StudyEvidence.load(folder))
    assert isinstance(answers.fairness.error, RuntimeError)
    assert answers.fairness.question in answers.fairness.label
    assert answers.trust.error is None


@pytest.mark.parametrize(
    "folder", ["nowcasting/radar/points", "jet_tagging/data_sources/points"], ids=str
)
def test_evidence_of_earlier_versions_is_answered(folder: str) -> None:
    answers = study_answers(StudyEvidence.load(min((OLD / folder).iterdir())))
    assert [one.error for one in answers] == [None] * 4
    assert answers.fairness.numbers is not None and answers.best.numbers is not None
