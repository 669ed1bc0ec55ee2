"""What a command would do, and how far its runs are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from command_line import TINY, evaluate, saibench, train

from saibench.evidence.run_record import read_record, update_record
from saibench.files.bounded_json import write_json
from saibench.runs import expected, progress
from saibench.runs.plan import trained_so_far
from saibench.runs.point import locked
from saibench.runs.status import NOT_STARTED, study_status

SWEEP = ("-m", "seed=0,1", "subset.count=20,900", *(one for one in TINY if "subset" not in one))


def files(folder: Path) -> dict[Path, int]:
    """Times of change of all files below a folder."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def complete(trained: Path, copied: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A complete run, copied to where the commands of `tmp_path` write."""
    del tmp_path
    return copied(trained)


def test_dry_run_names_each_run_and_writes_nothing(complete: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    ended = train(tmp_path, *SWEEP, "--dry-run")
    assert ended.status == 0, ended
    assert files(tmp_path) == before
    table = _table(ended.out)
    assert table[complete.name] == ["complete"]
    assert sorted(words[0] for words in table.values()) == [
        *("complete", "impossible", "impossible", "new")
    ]
    (new,) = (words for words in table.values() if words[0] == "new")
    seconds, size = read_record(complete)["seconds"], _size(complete)
    assert new[1] == "4"
    assert new[2:4] == [f"{seconds['total']:.0f}", "s"]
    assert float(new[4]) == pytest.approx(size / 1000, rel=0.01)
    assert "subset.count=900" in ended.out
    assert complete.name in ended.out.splitlines()[-1]


def test_dry_run_says_where_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = "+trainer.callbacks.interruption._target_=interruptions.Interruption"
    with monkeypatch.context() as patch:
        patch.setenv("INTERRUPTION", "raise@3")
        assert train(tmp_path, *TINY, callback).status == 1
    ended = train(tmp_path, *TINY, callback, "--dry-run")
    ((name, words),) = _table(ended.out).items()
    assert words[:2] == ["resumed", "2"] and words[2] == "–", "no complete run tells its time"
    assert "step 2" in ended.out and str(tmp_path / "outputs") in ended.out

    study = tmp_path / "outputs" / "force_field"
    steps, seconds = trained_so_far(study / name)
    assert steps == 2 and seconds > 0
    (run,) = study_status(study)
    assert (run.name, run.state, run.steps, run.budget) == (name, "failed", 2, 4)
    assert run.cause is not None and "interrupted at step 3" in run.cause
    shown = saibench(tmp_path, "status", "outputs/force_field")
    assert _table(shown.out)[name] == ["failed", "2", "of", "4"]
    assert f"{name} failed: {run.cause}" in shown.out


def test_dry_run_of_partitions_that_were_not_tested(complete: Path, tmp_path: Path) -> None:
    own = [one for one in TINY if not one.startswith("test=")]
    ended = train(tmp_path, *own, "test=[last_tenth,whole_trajectory]", "--dry-run")
    assert _table(ended.out)[complete.name][:2] == ["tested", "further"]
    assert "whole_trajectory" in ended.out


def test_dry_run_of_a_run_whose_config_will_be_restored(complete: Path, tmp_path: Path) -> None:
    (complete / "config.yaml").unlink()
    ended = train(tmp_path, *TINY, "--dry-run")
    assert _table(ended.out)[complete.name] == ["complete"]
    (complete / "samples.parquet").unlink()
    ended = train(tmp_path, *TINY, "--dry-run")
    assert _table(ended.out)[complete.name][:2] == ["tested", "further"]
    assert "B" not in ended.out.splitlines()[-2], "the size of a test alone is not known"


def test_dry_run_names_the_source_of_times_with_other_data(complete: Path, tmp_path: Path) -> None:
    own = [one for one in TINY if not one.startswith("test=")]
    for given, is_other in (("test=[whole_trajectory]", True), ("test=[last_tenth]", False)):
        ended = train(tmp_path, *own, given, "seed=7", "--dry-run")
        last = ended.out.splitlines()[-1]
        assert complete.name in last and ("other data" in last) == is_other, ended


def test_dry_run_is_no_option_of_evaluate(complete: Path, tmp_path: Path) -> None:
    ended = evaluate(tmp_path, f"run={complete}", "test=[last_tenth]", "--dry-run")
    assert ended.status == 2 and "--dry-run" in ended.err
    ended = train(tmp_path, "--cfg", "job", "--dry-run")
    assert ended.status == 2 and "--cfg" in ended.err


def test_reproduce_can_be_planned(tmp_path: Path) -> None:
    ended = saibench(tmp_path, "reproduce", "fig11", "--dry-run")
    assert ended.status == 0, ended
    assert "new" in ended.out and not list(tmp_path.iterdir())


def test_status_while_runs_are_at_work(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = complete.parent
    running = study / "running"
    running.mkdir()
    own = {key: one for key, one in read_record(complete).items() if key not in ("files", "digest")}
    update_record(running, **{**own, "state": "running"})
    (running / "config.yaml").write_bytes((complete / "config.yaml").read_bytes())
    expected.write_expected(study, [complete.name, "running", "later"])
    now = progress.Progress("trains", 3, 2, 10.0, 15.0, time.time())
    write_json(running / progress.FILE, asdict(now))
    test, total = (read_record(complete)["seconds"][part] for part in ("test", "total"))

    with locked(running):
        by_name = {run.name: run for run in study_status(study)}
        shown = saibench(tmp_path, "status", str(study), "--json")
    assert by_name["running"].state == "trains"
    assert by_name["running"].left == pytest.approx(5.0 * (4 - 3) + test)
    assert by_name["later"].state == NOT_STARTED and by_name["later"].left == total
    assert by_name[complete.name].seconds == total
    assert {one["name"]: one["state"] for one in json.loads(shown.out)["runs"]} == {
        name: run.state for name, run in by_name.items()
    }
    for steps, limit, left in (("4", "17", 2), ("4", "99", 5), ("null", "99", 84), ("4", "9", 0)):
        text = (complete / "config.yaml").read_text()
        text = text.replace("max_steps: 4", f"max_steps: {steps}")
        text = text.replace("max_time: null", f"max_time: '00:00:00:{limit:0>2}'")
        (running / "config.yaml").write_text(text)
        with locked(running), monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: now.written)
            at_work = {run.name: run for run in study_status(study)}["running"]
        assert at_work.left == pytest.approx(left + test), (steps, limit)
    killed = {run.name: run for run in study_status(study)}["running"]
    assert killed.state == "killed" and killed.left is None


def test_watched_states_are_printed_each_time_where_there_is_no_terminal(
    complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = complete.parent
    expected.write_expected(study, [complete.name, "later"])
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:  # nothing is left to wait for
            expected.write_expected(study, [complete.name])

    monkeypatch.setattr(time, "sleep", sleep)
    watched = saibench(tmp_path, "status", str(study), "--watch", "7")
    assert (watched.status, waited) == (0, [7.0, 7.0])
    assert watched.out.count(NOT_STARTED) == 4, "in the table and below it, each time"
    assert watched.out.count(complete.name) == 3


@pytest.mark.usefixtures("without_page")
def test_sweep_writes_the_names_of_its_runs(tmp_path: Path) -> None:
    sweep = ("-m", "seed=0,1", *TINY, "trainer.max_steps=1", "study=a")
    assert train(tmp_path, *sweep).status == 0
    study = tmp_path / "outputs" / "a"
    assert sorted(expected.read_expected(study)) == sorted(
        one.parent.name for one in study.glob("*/run.json")
    )
    assert not list(study.glob(f"*/{progress.FILE}"))
    assert train(tmp_path, *sweep, "study=b-${now:%f}").status == 0
    assert not list((tmp_path / "outputs").glob(f"b-*/{expected.FILE}"))


def test_status_of_a_run_or_of_all_studies_names_the_study(complete: Path, tmp_path: Path) -> None:
    for folder in (complete, complete.parent.parent):
        ended = saibench(tmp_path, "status", str(folder))
        assert ended.status == 2 and ended.err.rstrip().endswith(f" {complete.parent}."), ended


def test_status_of_no_study_is_refused(tmp_path: Path) -> None:
    for arguments in ((str(tmp_path),), (str(tmp_path / "missing"),), (".", "--watch", "0")):
        ended = saibench(tmp_path, "status", *arguments)
        assert ended.status == 2 and arguments[-1] in ended.err


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _table(text: str) -> dict[str, list[str]]:
    """Words after the name of each run in the first table."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("run "))
    found = {}
    for line in lines[start + 1 :]:
        name, *words = line.split()
        if name.endswith(":") or name.isdigit() or words[0].endswith(":"):
            break
        found[name] = words
    return found
