"""Sweeps: several runs in one command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars
import polars.testing
import pytest
import torch
from command_line import REPOSITORY, TINY, only_point, train
from hydra_plugins.hydra_joblib_launcher import _core as joblib_core

from saibench.analysis.answers import study_answers
from saibench.evidence.reader import StudyEvidence
from saibench.runs import retest
from saibench.runs.evaluation import missing_tests

FAILING = "+trainer.callbacks.failure={_target_: interruptions.Failure, step: 2, seed: 1}"


def in_parallel(folder: Path) -> tuple[str, ...]:
    """Settings for two joblib processes, which stay in the folder of the first test."""
    study = f"hydra.sweep.dir={folder}/outputs/force_field"
    return ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", study)


def records(folder: Path) -> dict[int, dict]:
    """Records below `folder`, by seed."""
    found = [json.loads(path.read_text()) for path in folder.glob("outputs/*/*/run.json")]
    return {record["settings"]["seed"]: record for record in found}


def states(folder: Path) -> dict[int, str]:
    return {seed: record["state"] for seed, record in records(folder).items()}


def test_sweep_continues_after_a_failed_run_and_reports_the_rest(tmp_path: Path) -> None:
    ended = train(tmp_path, "-m", "seed=0,1,2", *TINY, FAILING)
    assert ended.status == 1
    assert states(tmp_path) == {0: "complete", 1: "failed", 2: "complete"}
    failed = records(tmp_path)[1]
    name = f"{failed['slug']}-{failed['point']}"
    assert f"\n{name} failed: RuntimeError: a deliberate failure (" in ended.out
    assert 'raise RuntimeError("a deliberate failure")' in failed["failure"]["traceback"]
    assert "Traceback" not in ended.err + ended.out

    study = tmp_path / "outputs" / "force_field"
    points = polars.read_parquet(study / "evidence" / "points.parquet")
    assert dict(points.select("seed", "state").iter_rows()) == states(tmp_path)
    samples = polars.read_parquet(study / "evidence" / "samples.parquet")
    complete = {record["point"] for seed, record in records(tmp_path).items() if seed != 1}
    assert set(samples["point"]) == complete
    assert samples.height == 2 * 30
    page = (study / "report.html").read_text()
    assert all(record["point"] in page for record in records(tmp_path).values())
    answers = study_answers(StudyEvidence.load(study))
    last = ended.out.splitlines()[-3:]
    expected = (answers.trust, answers.drivers, answers.best)
    assert [line.partition(": ")[2] for line in last] == [one.sentence for one in expected]


@pytest.mark.usefixtures("without_page")
def test_same_command_completes_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = "+trainer.callbacks.interruption._target_=interruptions.Interruption"
    command = ("-m", "seed=0,1", *TINY, callback, "on_failure=stop")
    with monkeypatch.context() as patch:
        patch.setenv("INTERRUPTION", "raise@3")
        assert train(tmp_path, *command).status == 1
    assert states(tmp_path) == {0: "failed"}
    assert train(tmp_path, *command).status == 0
    assert states(tmp_path) == {0: "complete", 1: "complete"}


@pytest.mark.usefixtures("without_page")
def test_on_failure_stop_stops_at_the_first(tmp_path: Path) -> None:
    ended = train(tmp_path, "-m", "seed=0,1,2", *TINY, FAILING, "on_failure=stop")
    assert ended.status == 1
    assert states(tmp_path) == {0: "complete", 1: "failed"}
    assert ended.out.count(" not run") == 1
    assert ended.out.count("failed: RuntimeError: a deliberate failure") == 1
    assert "Traceback" not in ended.err + ended.out


@pytest.mark.usefixtures("without_page")
def test_run_without_enough_data_is_not_applicable_and_no_failure(tmp_path: Path) -> None:
    ended = train(tmp_path, "-m", *TINY, "subset.count=20,5000")
    assert ended.status == 0, ended
    found = {}
    for path in tmp_path.glob("outputs/*/*/run.json"):
        record = json.loads(path.read_text())
        found[record["settings"]["subset.count"]] = record
    assert found[20]["state"] == "complete"
    assert found[5000]["state"] == "not_applicable"
    assert "220" in found[5000]["failure"]["cause"]
    assert "not_applicable: subset.count=5000" in ended.out


@pytest.mark.usefixtures("without_page")
def test_runs_of_one_process_do_not_affect_each_other(tmp_path: Path) -> None:
    """NequIP, built first, changes global state; the second run is as if alone."""
    swept, alone = tmp_path / "swept", tmp_path / "alone"
    swept.mkdir()
    alone.mkdir()
    others = [setting for setting in TINY if setting != "model=cartesian"]
    assert train(swept, "-m", *others, "model=nequip_small,cartesian").status == 0
    assert train(alone, *TINY).status == 0
    point = only_point(alone)
    found, expected = (
        polars.read_parquet(study / point.name / "samples.parquet")
        for study in (swept / "outputs" / "force_field", point.parent)
    )
    # errors in meV of a float32 net after four steps; another seed moves them by whole meV
    polars.testing.assert_frame_equal(found, expected, rel_tol=1e-5, abs_tol=1e-3)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.usefixtures("without_page")
def test_each_run_is_one_line_of_the_table(tmp_path: Path) -> None:
    long_study = "study=a_study_whose_folder_is_long_enough_to_fill_a_line_of_eighty_characters"
    ended = train(tmp_path, *TINY, long_study)
    (path,) = tmp_path.glob("outputs/*/*/metrics.json")
    value = json.loads(path.read_text())["last_tenth"]["force_mae"]["value"]
    heading = "force_mae [meV/Å] on last_tenth"
    assert heading in ended.out
    (row,) = [line for line in ended.out.splitlines() if line.startswith(path.parent.name)]
    assert f"{value:.4g}" in row
    assert "complete" in row


@pytest.mark.usefixtures("without_page")
def test_runs_of_several_studies_are_reported_by_study(tmp_path: Path) -> None:
    ended = train(tmp_path, "-m", "study=one,two", *TINY)
    assert ended.status == 0, ended
    for study in ("one", "two"):
        assert (tmp_path / "outputs" / study / "evidence" / "points.parquet").exists()
        assert ended.out.count(f"/outputs/{study}\n") >= 1


@pytest.mark.usefixtures("without_page")
def test_study_folder_may_be_named_by_the_clock(tmp_path: Path) -> None:
    ended = train(tmp_path, *TINY, "hydra.run.dir='outputs/${now:%S-%f}'")
    assert ended.status == 0, ended
    (record,) = tmp_path.glob("outputs/*/*/run.json")
    assert (record.parents[1] / "evidence").is_dir()


@pytest.mark.usefixtures("without_page")
@pytest.mark.slow
def test_runs_in_parallel_with_joblib(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ended = train(tmp_path, "-m", "seed=0,1", *TINY, *in_parallel(tmp_path), FAILING)
    assert ended.status == 1, ended
    assert states(tmp_path) == {0: "complete", 1: "failed"}
    assert "failed: RuntimeError: a deliberate failure" in ended.out
    assert "Traceback" not in ended.err + capfd.readouterr().err
    evidence = tmp_path / "outputs" / "force_field" / "evidence"
    points = polars.read_parquet(evidence / "points.parquet")
    assert dict(points.select("seed", "state").iter_rows()) == states(tmp_path)


@pytest.mark.usefixtures("without_page")
def test_complete_runs_are_not_launched_again(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """joblib starts one job at a time in this process."""
    copied(trained)
    started, start = [], joblib_core.execute_job

    def recorded(place: int, overrides: Sequence[str], *others: Any, **named: Any) -> Any:
        started.append([word for word in overrides if word.startswith("seed=")])
        return start(place, overrides, *others, **named)

    looked: list[Path] = []

    def looked_for(folder: Path, *others: Any) -> list[str]:
        looked.append(folder)
        return missing_tests(folder, *others)

    monkeypatch.setattr(joblib_core, "execute_job", recorded)
    monkeypatch.setattr(retest, "missing_tests", looked_for)
    sweep = ("-m", "seed=1,0,2", *TINY, *in_parallel(tmp_path), "hydra.launcher.n_jobs=1")
    tables = []
    for _ in range(2):
        ended = train(tmp_path, *sweep)
        assert ended.status == 0, ended
        tables.append(ended.out)
        assert started == [["seed=1"], ["seed=2"]], "the second command starts none"
        assert len(looked) == len(set(looked)), "its data are built once"
        looked.clear()
    assert tables[0] == tables[1] and tables[0].count(" complete ") == 3
    points = polars.read_parquet(tmp_path / "outputs/force_field/evidence/points.parquet")
    assert set(points["seed"]) == {0, 1, 2}


@pytest.mark.slow
def test_parallel_sweep_saves_every_run_when_terminated(tmp_path: Path) -> None:
    """The signal reaches only the command, as with batch systems."""
    others = [setting for setting in TINY if "max_steps" not in setting]
    endless = (*others, "trainer.max_steps=400000", "seed=0,1,2")
    arguments = ("-m", *endless, *in_parallel(tmp_path))
    with subprocess.Popen(
        [sys.executable, str(REPOSITORY / "train.py"), *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        try:
            deadline = time.monotonic() + 300
            while len(saved := list(tmp_path.glob("outputs/*/*/last.ckpt"))) < 2:
                assert command.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
            command.terminate()
            out, err = command.communicate(timeout=120)
        finally:
            command.kill()
    assert command.returncode == 128 + signal.SIGTERM, (out, err)
    assert "Traceback" not in out + err
    assert states(tmp_path) == {0: "stopped", 1: "stopped"}, "the third did not start"
    for last in saved:
        assert "StopBetweenSteps" in torch.load(last, weights_only=True)["callbacks"]


@pytest.mark.usefixtures("without_page")
@pytest.mark.slow
def test_runs_of_a_stopped_parallel_sweep_are_not_recorded_as_running(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Joblib kills the other runs of a sweep that stops at a failure.

    Its processes are those of the test before, which saves their imports.
    """
    others = [setting for setting in TINY if "max_steps" not in setting]
    endless = (*others, "trainer.max_steps=4000", "seed=1,0")
    failing = f"{FAILING[:-1]}, study: {tmp_path}/outputs/force_field}}"
    ended = train(tmp_path, "-m", *endless, *in_parallel(tmp_path), failing, "on_failure=stop")
    assert ended.status == 1
    assert states(tmp_path) == {0: "stopped", 1: "failed"}
    assert "Traceback" not in ended.err + ended.out + capfd.readouterr().err
