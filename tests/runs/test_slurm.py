"""Jobs of a real SLURM controller: on two nodes, killed, cancelled, out of time."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from command_line import REPOSITORY, TINY, Ended, only_point, train
from slurm import cluster, missing, printed, wait_for

KILLED, CANCELLED, TIMED_OUT = 0, 1, 2
"""Seeds of the runs, which are also the numbers of the jobs."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"needs slurmd, slurmctld, munge: no {missing()}"),
]


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from submitit import SlurmJob

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "tests"))))
    monkeypatch.setattr(SlurmJob.watcher, "_delay_s", 1)  # how often it asks, at most a minute
    with cluster():
        yield


@pytest.mark.usefixtures("without_page", "slurm")
def test_a_job_on_two_nodes_is_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    nodes = ("trainer.num_nodes=2", "hydra.launcher.nodes=2", "hydra.launcher.partition=tests")
    study = f"hydra.sweep.dir={tmp_path}/outputs/force_field"
    sweep = ("-m", "seed=0", *TINY, *nodes, "hydra/launcher=submitit_slurm", study)
    ended = train(tmp_path, *sweep)
    assert ended.status == 0, ended
    record = json.loads((only_point(tmp_path) / "run.json").read_text())
    assert (record["state"], len(record["sessions"])) == ("complete", 1)
    logs = list(tmp_path.glob("outputs/force_field/.submitit/*/*_log.out"))
    assert len(logs) == 2, "of one task a node"


class Sweep:
    """One sweep of three runs, each of which waits at its third step until it is released.

    Args:
        folder: from which the command is given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        waiting = f"{{_target_: interruptions.Waiting, step: 3, folder: {folder}}}"
        self.command = (
            *("-m", "seed=0,1,2", *TINY, f"+trainer.callbacks.waiting={waiting}"),
            *("hydra/launcher=submitit_slurm", "hydra.launcher.partition=tests"),
            *("hydra.launcher.timeout_min=5", "hydra.launcher.max_num_timeout=1"),
            *("hydra.launcher.cpus_per_task=1", f"hydra.sweep.dir={folder}/outputs/force_field"),
        )

    def start(self) -> Ended:
        return train(self.folder, *self.command)

    def released(self, seed: int) -> Path:
        return self.folder / f"go_{seed}"

    def process(self, seed: int) -> int:
        """Id of the process that waits."""
        path = self.folder / f"pid_{seed}"
        wait_for(lambda: path.exists() and path.read_text())
        return int(path.read_text())

    def jobs(self) -> set[str]:
        """Names of the folders of submitted jobs."""
        return {one.name for one in self.folder.glob("outputs/force_field/.submitit/*")}

    def sessions(self) -> dict[int, tuple[str, int]]:
        """State and number of sessions of each run, by seed."""
        records = [json.loads(one.read_text()) for one in self.folder.glob("outputs/*/*/run.json")]
        return {one["settings"]["seed"]: (one["state"], len(one["sessions"])) for one in records}


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


@pytest.mark.usefixtures("without_page", "slurm")
def test_a_sweep_through_slurm_loses_and_repeats_nothing(sweep: Sweep) -> None:
    with ThreadPoolExecutor(1) as pool:
        troubled = pool.submit(_trouble, sweep)
        first = sweep.start()
        troubled.result()
    assert first.status == 1, first
    stopped, complete = ("stopped", 1), ("complete", 2)
    assert sweep.sessions() == {KILLED: stopped, CANCELLED: stopped, TIMED_OUT: complete}
    (killed,) = [line for line in first.out.splitlines() if " stopped: job " in line]
    assert f"seed{KILLED}" in killed and "FAILED" in killed
    assert any(
        f"seed{CANCELLED}" in line and " stopped: " in line for line in first.out.splitlines()
    )

    _kill_the_command(sweep)
    wait_for(lambda: sweep.sessions()[KILLED] == sweep.sessions()[CANCELLED] == complete)

    jobs = sweep.jobs()
    last = sweep.start()
    assert last.status == 0, last
    assert sweep.jobs() == jobs, "complete runs cost none"
    assert sweep.sessions() == {KILLED: complete, CANCELLED: complete, TIMED_OUT: complete}
    assert (sweep.folder / "outputs" / "force_field" / "evidence" / "points.parquet").exists()


def _trouble(sweep: Sweep) -> None:
    """Disturb the jobs, once all wait; if that fails, end them, so that the command ends too."""
    try:
        _disturb(sweep)
    except BaseException:
        subprocess.run(["scancel", "--user", getpass.getuser()], check=False)
        raise


def _disturb(sweep: Sweep) -> None:
    processes = [sweep.process(seed) for seed in (KILLED, CANCELLED, TIMED_OUT)]
    job = _number_of_the_array()
    os.kill(processes[KILLED], signal.SIGKILL)
    subprocess.run(["scancel", f"{job}_{CANCELLED}"], check=True)
    time_is_up = ["scancel", "--signal=USR2", f"{job}_{TIMED_OUT}"]  # as submitit asks of SLURM
    subprocess.run(time_is_up, check=True)
    requeued = f"{job}_{TIMED_OUT}"
    wait_for(lambda: printed("squeue", "-h", "-j", requeued, "-o", "%T").strip() == "PENDING")
    at_once = ["scontrol", "update", f"JobId={requeued}", "StartTime=now"]  # not after two minutes
    subprocess.run(at_once, check=True)
    wait_for(lambda: sweep.sessions()[TIMED_OUT][1] == 2)
    sweep.released(TIMED_OUT).touch()


def _kill_the_command(sweep: Sweep) -> None:
    """Start the command again; kill it while both jobs that it resumes wait, and release them."""
    for seed in (KILLED, CANCELLED):
        (sweep.folder / f"pid_{seed}").unlink()
    command = [sys.executable, str(REPOSITORY / "train.py"), *sweep.command]
    with subprocess.Popen(command, cwd=sweep.folder, stdout=subprocess.DEVNULL) as again:
        sweep.process(KILLED), sweep.process(CANCELLED)
        again.kill()
    for seed in (KILLED, CANCELLED):
        sweep.released(seed).touch()


def _number_of_the_array() -> str:
    listed = printed("squeue", "-h", "-o", "%F")
    (number,) = set(listed.split())
    return number
