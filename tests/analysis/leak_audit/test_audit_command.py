from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import TINY, train
from jet_files import random_jets, write_pytables
from matplotlib.figure import Figure
from synthetic_study import Made, write_study

from saibench.analysis.leak_audit.of_evidence import audits_of
from saibench.cli import _commands
from saibench.config.check import resolved
from saibench.config.compose import compose_command
from saibench.errors import UserError
from saibench.evidence.audit_record import Audit, Share
from saibench.evidence.reader import StudyEvidence
from saibench.figures import figure_module
from saibench.findings.leak_audit import (
    HIDES,
    INTERLEAVES,
    NO_LEAK,
    ONE_NET_HIDES,
    findings,
)
from saibench.runs.audit import audit_point
from saibench.runs.point import Point


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tiny net on both splits of 300 simulated frames, audited."""
    folder = tmp_path_factory.mktemp("splits")
    kept = [given for given in TINY if not given.startswith(("data.stride", "test="))]
    slow = [*kept, "data.stride=3"]
    ended = train(folder, "-m", "+sweeps=force_field/random_split_mini", *slow, "subset.count=150")
    assert ended.status == 0, ended.err
    (found,) = folder.glob("outputs/*")
    assert _commands(["audit", str(found)]) == 0
    return found


@pytest.fixture(scope="module")
def evidence(study: Path) -> StudyEvidence:
    return StudyEvidence.load(study)


def test_splits_share_no_frame_and_have_equal_sizes(evidence: StudyEvidence) -> None:
    counts = {}
    for record in evidence.records.values():
        partitions = record["partitions"]
        held_out = record["settings"]["held_out"]
        split = record["settings"]["split"]
        counts[split] = partitions["train"]["count"], partitions[held_out]["count"]
    assert counts == {"random": (150, 30), "time": (150, 30)}
    assert not evidence.samples["seen_in_training"].any()


def test_a_random_split_interleaves_test_and_training(evidence: StudyEvidence) -> None:
    audits = {one.audit.partition: one.audit for one in audits_of(evidence)}
    assert set(audits) == {"random_tenth", "last_tenth", "interleaved"}
    random, time = audits["random_tenth"], audits["last_tenth"]
    assert random.interleaved is not None and time.interleaved is not None
    assert random.interleaved.estimate > 0.9 > 0.5 > time.interleaved.estimate
    assert random.score.low > time.score.estimate  # few stretches of time
    for audit in audits.values():
        assert audit.same.estimate == 0
        assert Audit.from_json(json.loads(json.dumps(audit.to_json()))) == audit


def test_findings_and_figures_compare_the_splits(evidence: StudyEvidence) -> None:
    found = {finding.claim: finding for finding in findings(evidence)}
    assert {HIDES, ONE_NET_HIDES, INTERLEAVES} <= set(found)
    assert found[INTERLEAVES].verdict in ("supported", "inconclusive")  # 30 samples, few blocks
    assert "audit score" in found[HIDES].numbers
    assert all(finding.error is None for finding in found.values())
    for name, rows in (("random_split", 3), ("leak_audit", 12)):
        module = figure_module(f"saibench.figures.{name}")
        assert module.needs(evidence) is None
        assert isinstance(module.draw(evidence), Figure)
        assert module.table(evidence).height == rows
        assert "score" in module.caption(evidence)


def test_command_prints_sentences_and_pairs(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (point,) = study.glob("*random*")
    assert _commands(["audit", str(point), "--pairs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "score" in printed and "correlation time" in printed
    assert printed.count("\n") >= 7 and "test sample" in printed


def test_report_and_joined_tables_keep_the_audit(study: Path, tmp_path: Path) -> None:
    joined = tmp_path / "joined"
    shutil.copytree(StudyEvidence.load(study).join(), joined / "evidence")
    assert len(audits_of(StudyEvidence.load(joined))) == 3
    with pytest.raises(UserError, match=r"config\.yaml"):
        _commands(["audit", str(joined)])


def test_mistakes_are_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'last_tenth'"):
        _commands(["audit", str(study), "--partition", "last_tent"])
    with pytest.raises(UserError, match="--pairs -1"):
        _commands(["audit", str(study), "--pairs", "-1"])
    untrained = frozen(tmp_path, "workload=nowcasting", "model=persistence", "data.events=130")
    with pytest.raises(UserError, match="--seen"):
        _commands(["audit", str(untrained)])


def frozen(folder: Path, *overrides: str) -> Path:
    """A run that was never started; an audit needs only its frozen config."""
    command = compose_command("train", list(overrides))
    point = Point(resolved(command.points[0]), folder / "study")
    point.folder.mkdir(parents=True)
    point.freeze()
    (point.folder / "run.json").write_text(json.dumps({"point": point.hash, **point.identity()}))
    return point.folder


def test_jets_on_both_sides_are_found(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    root = tmp_path / "jets"
    root.mkdir()
    train_jets, train_labels = random_jets(600, seed=0)
    test_jets, test_labels = random_jets(120, seed=1)
    test_jets[:9], test_labels[:9] = train_jets[50:59], train_labels[50:59]
    write_pytables(root / "train.h5", train_jets, train_labels)
    write_pytables(root / "val.h5", *random_jets(10, seed=2))
    write_pytables(root / "test.h5", test_jets, test_labels)
    point = frozen(
        tmp_path, "workload=jet_tagging", "data=top_landscape", f"data.root={root}",
        "subset.count=500", "seed=3",
    )  # fmt: skip
    (audit,) = audit_point(point)
    trained = {pair.training for pair in audit.pairs if pair.same}
    drawn = round(audit.same.estimate * audit.test)
    assert trained <= set(range(50, 59)) and len(trained) == drawn >= 5  # 550 of 600 are drawn
    assert all(pair.distance == 0 for pair in audit.pairs if pair.same)
    assert audit.interleaved is None and audit.effect is None
    assert audit.near is not None and audit.near.estimate >= audit.same.estimate
    assert not np.isnan(audit.score.low)


def test_audits_of_many_runs_are_one_finding(evidence: StudyEvidence, tmp_path: Path) -> None:
    kept = next(one.audit for one in audits_of(evidence) if one.audit.partition == "last_tenth")
    made = write_study(tmp_path / "study", [Made(size=0.9, seed=seed) for seed in range(5)])
    for number, path in enumerate(sorted(made.glob("*/run.json"))):
        score = Share(0.01 * number, 0.005 * number, 0.03 * number, 100)
        audit = replace(kept, score=score).to_json()
        path.write_text(json.dumps(json.loads(path.read_text()) | {"audit": {"last_tenth": audit}}))
    (found,) = [one for one in findings(StudyEvidence.load(made)) if one.claim == NO_LEAK]
    assert found.verdict == "inconclusive"
    for count in ("0.000", "0.040", "supported for 2", "inconclusive for 3"):
        assert count in found.numbers
