"""The default logger in a real sweep, from the command line to the files of its runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wandb_file import LoggedRun, logged_runs

CHECKOUT = Path(__file__).parents[2]
SMALL = (
    *("data=gfn2_xtb", "data.frames=80", "data.stride=1", "data.equilibration=0.05"),
    *("test=[last_tenth]", "window.size=null"),
    *("model=cartesian", "model.net.num_layers=1", "model.net.num_features=8"),
    *("trainer.accelerator=cpu", "trainer.max_steps=4", "trainer.val_every=2"),
    *("workload.figures=[]", "workload.findings=[]"),
)


def run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the script without a login and without standard input."""
    environment = {**os.environ, "HOME": str(folder / "home")}
    environment["SAIBENCH_CACHE_DIR"] = str(folder / "cache")
    finished = subprocess.run(
        [sys.executable, str(CHECKOUT / script), *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess, Path]:
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "home").mkdir()
    counts = "subset.count=8,12"
    finished = run("train.py", folder, "-m", *SMALL, counts, "hydra.sweep.dir=outputs/two_sizes")
    return finished, folder / "outputs/two_sizes"


def points_of(study: Path) -> list[Path]:
    return sorted(path.parent for path in study.glob("*/run.json"))


@pytest.fixture(scope="module")
def runs(sweep: tuple[subprocess.CompletedProcess, Path]) -> list[LoggedRun]:
    return [run for point in points_of(sweep[1]) for run in logged_runs(point)]


@pytest.mark.slow
def test_sweep_of_two_is_two_offline_runs_of_one_group(runs: list[LoggedRun]) -> None:
    assert len(runs) == 2
    assert len({run.id for run in runs}) == 2
    assert all(run.folder.name.startswith("offline-run-") for run in runs)
    assert {(run.group, run.job_type, run.exit_code) for run in runs} == {
        ("force_field", "train", 0)
    }
    assert {run.config["subset"]["count"] for run in runs} == {8, 12}


@pytest.mark.slow
def test_runs_hold_curves_metrics_and_features(
    runs: list[LoggedRun], sweep: tuple[subprocess.CompletedProcess, Path]
) -> None:
    for run, point in zip(runs, points_of(sweep[1]), strict=True):
        steps = [row["trainer/global_step"] for row in run.history if "val/loss" in row]
        assert len(steps) == 2
        metrics = json.loads((point / "metrics.json").read_text())["last_tenth"]
        assert run.summary["last_tenth/force_mae"] == metrics["force_mae"]["value"]
        assert 0 < run.summary["last_tenth/soap_similarity"] <= 1
        recorded = json.loads((point / "run.json").read_text())["wandb"]
        assert (recorded["train"], recorded["url"]) == (run.id, None)


@pytest.mark.slow
def test_only_training_progress_is_printed(sweep: tuple[subprocess.CompletedProcess, Path]) -> None:
    printed = sweep[0].stdout + sweep[0].stderr
    assert "wandb" not in printed.lower()
    assert "Epoch 1: 100%" in printed
