"""Jobs of a launcher that end without a result."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from command_line import REPOSITORY, TINY, train
from submitit import AutoExecutor, Executor, Job
from submitit.core.utils import FailedJobError, UncompletedJobError

from saibench.config.lost_jobs import lost_jobs_returned
from saibench.errors import UserError
from saibench.runs.expected import read_expected, write_expected
from saibench.runs.stopping import SIGNALS, TIME_IS_UP, StopRequest

FAILURE = "_target_: interruptions.Failure, step: 3, seed: 1, kill: true"
KILLED = f"+trainer.callbacks.failure={{{FAILURE}}}"


def states(folder: Path) -> dict[int, str]:
    """States of the runs below `folder`, by seed."""
    found = [json.loads(path.read_text()) for path in folder.glob("outputs/*/*/run.json")]
    return {record["settings"]["seed"]: record["state"] for record in found}


@pytest.mark.usefixtures("without_page")
@pytest.mark.slow
def test_other_jobs_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The killed job is the first, so that Hydra's launcher would have forgotten the second."""
    modules = [str(REPOSITORY), str(REPOSITORY / "tests")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(modules))
    local = ("hydra/launcher=submitit_local", f"hydra.sweep.dir={tmp_path}/outputs/force_field")
    ended = train(tmp_path, "-m", "seed=1,0", *TINY, KILLED, *local)
    assert ended.status == 1, ended
    assert states(tmp_path) == {0: "complete", 1: "stopped"}
    (lost,) = [line for line in ended.out.splitlines() if " stopped: job " in line]
    assert "seed1" in lost
    log = lost.rpartition(" ")[2]
    assert (Path.cwd() / log).is_file() or (tmp_path / log).is_file()
    assert "Traceback" not in ended.err + capfd.readouterr().err
    assert (tmp_path / "outputs" / "force_field" / "evidence" / "points.parquet").exists()


@pytest.mark.usefixtures("without_page")
@pytest.mark.slow
def test_a_killed_process_of_joblib_ends_the_command_in_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    study = f"hydra.sweep.dir={tmp_path}/outputs/force_field"
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", study)
    ended = train(tmp_path, "-m", "seed=1,2", *TINY, KILLED, *launcher)
    assert ended.status == 1, ended
    assert states(tmp_path)[1] == "stopped"
    assert "hydra.launcher.n_jobs" in ended.out
    assert "Traceback" not in ended.err + ended.out + capfd.readouterr().err


@pytest.mark.usefixtures("without_page")
def test_a_job_out_of_time_has_not_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """submitit's handler of the signal raises in the midst of a training."""

    def time_is_up(task: str, folder: Path, changes: dict[str, Any]) -> None:
        raise UncompletedJobError("Job not requeued because: timed-out too many times.")

    monkeypatch.setattr("saibench.runs.execute.run_task", time_is_up)
    ended = train(tmp_path, "-m", "seed=0", *TINY)
    assert ended.status == 1, ended
    assert states(tmp_path) == {0: "stopped"}
    assert "hydra.launcher.timeout_min" in ended.out


def test_the_end_of_a_job_that_starts_again_is_no_request() -> None:
    """SLURM sends SIGTERM to the old process, in whose worker submitit has taken SIGUSR2."""
    handled = []
    before = {number: signal.getsignal(number) for number in (*SIGNALS, TIME_IS_UP)}
    signal.signal(TIME_IS_UP, lambda number, frame: handled.append(number))
    stop = StopRequest()
    try:
        with stop.listening_in_worker():
            os.kill(os.getpid(), TIME_IS_UP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert handled == [TIME_IS_UP]
        assert not stop.requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("taken", [False, True])
def test_a_signal_that_a_job_asks_for_is_a_request(taken: bool) -> None:
    """SLURM's `--signal=USR1@120`; submitit may have a handler of its own."""
    handled: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    if taken:
        signal.signal(signal.SIGUSR1, lambda number, frame: handled.append(number))
    stop = StopRequest()
    try:
        with contextlib.suppress(KeyboardInterrupt), stop.listening(), stop.deferred():
            os.kill(os.getpid(), signal.SIGUSR1)
        assert (stop.number, handled) == (
            (None, [signal.SIGUSR1]) if taken else (signal.SIGUSR1, [])
        )
    finally:
        signal.signal(signal.SIGUSR1, before)


class _Made(Executor):
    """An executor whose jobs are given."""

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = jobs

    def _internal_process_submissions(self, delayed_submissions: list) -> list[Job]:
        if not self.jobs:
            raise FailedJobError("sbatch: error: invalid partition specified: gpux")
        return self.jobs


class _Job(Job):
    """A job that waits or has ended."""

    def __init__(self, number: str, ended: bool) -> None:
        self.number, self.ended = number, ended

    @property
    def job_id(self) -> str:
        return self.number

    def done(self, force_check: bool = False) -> bool:
        return self.ended

    def __del__(self) -> None:
        """Nothing was registered."""


def test_jobs_that_go_on_are_known() -> None:
    jobs = [_Job("7_0", ended=True), _Job("7_1", ended=False)]
    with lost_jobs_returned() as submitted:
        assert _Made(jobs).map_array(len, ["a", "b"]) == jobs
        assert submitted.unfinished == ["7_1"]
        more = [_Job("8_0", ended=True)]
        assert _Made(more).map_array(len, ["a"]) == more, "those of this batch alone"
        with pytest.raises(UserError, match="gpux"):
            _Made([]).map_array(len, ["a"])
    with pytest.raises(FailedJobError):
        _Made([]).map_array(len, ["a"])


@pytest.mark.usefixtures("without_page")
def test_jobs_that_cannot_be_submitted_leave_the_study_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise FailedJobError("sbatch: error: invalid partition specified: gpux")

    monkeypatch.setattr(AutoExecutor, "_internal_process_submissions", refuse)
    study = tmp_path / "outputs" / "force_field"
    launcher = ("hydra/launcher=submitit_local", f"hydra.sweep.dir={study}")
    ended = train(tmp_path, "-m", "seed=0,1", *TINY, *launcher)
    assert ended.status == 2 and "gpux" in ended.err
    assert not list(tmp_path.iterdir())

    study.mkdir(parents=True)
    write_expected(study, ["earlier"])
    assert train(tmp_path, "-m", "seed=0,1", *TINY, *launcher).status == 2
    assert read_expected(study) == ["earlier"]
