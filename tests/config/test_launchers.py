"""Launchers: what cannot work is refused at once, and waiting jobs say why they wait."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import TINY, train
from hydra.core.config_store import ConfigStore

from saibench.config import job_queue
from saibench.config.job_queue import JobQueue, waiting_jobs
from saibench.config.replaced import Loader

SLURM = ("-m", "hydra/launcher=submitit_slurm")
LOCAL = ("-m", "hydra/launcher=submitit_local")
REFUSED = {
    "copies of each run": ((*SLURM, "hydra.launcher.tasks_per_node=2"), "tasks_per_node=1"),
    "copies on this machine": ((*LOCAL, "hydra.launcher.tasks_per_node=2"), "tasks_per_node=1"),
    "more nodes than a run": ((*SLURM, "hydra.launcher.nodes=2"), "trainer.num_nodes=1"),
    "nodes that a job does not have": ((*SLURM, "trainer.num_nodes=2"), "hydra.launcher.nodes=1"),
    "nodes on this machine": (
        ("-m", "hydra/launcher=joblib", "trainer.num_nodes=2"),
        "hydra/launcher=submitit_slurm",
    ),
    "runs of different size": (("-m", "trainer.num_nodes=1,2"), "trainer.num_nodes=1,2"),
    "a single run": (SLURM[1:], "Add -m"),
    "a number of nodes that is none": (("trainer.num_nodes=two",), "trainer.num_nodes"),
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that is all of PATH but the system's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    for name in ("srun", "sbatch", "squeue"):
        program(folder, name, "exit 0")
    return folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("case", REFUSED)
def test_options_that_cannot_work_are_refused(case: str, tmp_path: Path) -> None:
    arguments, named = REFUSED[case]
    ended = train(tmp_path, *TINY, *arguments)
    assert ended.status == 2 and named in ended.err, ended
    assert not (tmp_path / "outputs").exists()


def test_slurm_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = train(tmp_path, *TINY, *SLURM)
    assert ended.status == 2 and "sbatch and srun" in ended.err, ended
    assert not (tmp_path / "outputs").exists()


def test_a_missing_plugin_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra finds the launcher's option only where the plugin is installed."""
    monkeypatch.setattr(Loader, "_of_shipped", {})
    monkeypatch.delitem(ConfigStore.instance().repo["hydra"]["launcher"], "submitit_slurm.yaml")
    ended = train(tmp_path, *TINY, *SLURM)
    assert ended.status == 2 and "saibench[cluster]" in ended.err, ended


def test_what_sbatch_refuses_is_one_sentence(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login node has no GPU: the devices are those of the nodes of the jobs."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    program(programs, "sbatch", 'echo "sbatch: error: invalid partition: gpux" >&2; exit 1')
    study = f"hydra.sweep.dir={tmp_path}/outputs/mine"
    gpu = "trainer.accelerator=gpu"
    assert "trainer.accelerator=cpu" in train(tmp_path, *TINY, gpu).err, "no GPU here"
    ended = train(tmp_path, *TINY, gpu, *SLURM, "hydra.launcher.partition=gpux", study)
    last = ended.err.splitlines()[-1]  # after the words of sbatch
    assert ended.status == 2 and "gpux" in last and "hydra.launcher" in last, ended
    assert "Traceback" not in ended.err


def test_a_job_that_waits_says_why_once(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(programs, "squeue", 'echo "12_[0-1]|PartitionNodeLimit"; echo "12_2|None"')
    assert waiting_jobs(["12_0", "12_1"]) == [("12_[0-1]", "PartitionNodeLimit")]
    monkeypatch.setattr(job_queue, "MIN_WAITING", 0.0)
    monkeypatch.setattr(job_queue, "INTERVAL", 0.0)
    queue = JobQueue()
    queue.report(["12_0", "12_1"])
    queue.report(["12_0", "12_1"])
    (line,) = capsys.readouterr().out.splitlines()
    assert "12_[0-1]" in line and "PartitionNodeLimit" in line and "hydra.launcher.nodes" in line
    program(programs, "squeue", 'echo "slurm_load_jobs error" >&2; exit 1')
    queue.report(["12_0"])
    assert not capsys.readouterr().out
