"""A LightningModule of one's own, outside the checkout: trained, evaluated and reported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "data.frames=400",
    "data.stride=1",
    "data.equilibration=0",
    "subset.count=40",
    "trainer.max_steps=10",
    "trainer.val_every=5",
    "trainer.progress=false",
    "logger=none",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two files that the README shows, written as it shows them."""
    folder = tmp_path_factory.mktemp("my_project")
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(r"```(?:python|yaml)\n# my_project/(\S+)\n(.*?)```", readme, re.DOTALL)
    assert [name for name, _ in shown] == ["springs.py", "model/springs.yaml"]
    for name, text in shown:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def run(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_readme_shows_the_extension_in_under_40_lines(project: Path) -> None:
    lines = sum(len(path.read_text().splitlines()) for path in project.rglob("*.*"))
    assert lines < 40


def test_own_module_trains_evaluates_and_reports_without_an_edit_to_the_core(
    project: Path, tmp_path: Path
) -> None:
    trained = run("train.py", f"--config-dir={project}", "model=springs", *SMALL, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    (record,) = tmp_path.glob("outputs/force_field/*/run.json")
    metrics = json.loads((record.parent / "metrics.json").read_text())
    assert metrics["last_tenth"]["force_mae"]["count"] == 40
    assert metrics["last_tenth"]["force_mae"]["unit"] == "meV/Å"

    evaluated = run(
        "evaluate.py",
        f"--config-dir={project}",
        f"run={record.parent}",
        "test=[whole_trajectory]",
        "logger=none",
        "trainer.progress=false",
        folder=tmp_path,
    )
    assert evaluated.returncode == 0, evaluated.stderr
    metrics = json.loads((record.parent / "metrics.json").read_text())
    assert metrics["whole_trajectory"]["force_mae"]["count"] == 400

    lost = run("evaluate.py", f"run={record.parent}", "logger=none", folder=tmp_path)
    assert lost.returncode == 2
    assert lost.stderr.count("\n") == 1
    assert "springs.Springs cannot be imported: No module named 'springs'; the --config-dir" in (
        lost.stderr
    )

    reported = subprocess.run(
        [sys.executable, "-m", "saibench", "report", str(record.parents[1])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert reported.returncode == 0, reported.stderr
    assert "force MAE" in (tmp_path / "outputs/force_field/report.html").read_text()


@pytest.mark.slow
def test_own_module_trains_on_two_devices_what_it_trains_on_one(
    project: Path, tmp_path: Path
) -> None:
    """A batch of 5 is dealt as 3 and 2."""
    weights = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        folder.mkdir()
        several = ("trainer.accelerator=cpu", f"trainer.devices={devices}")
        own = (f"--config-dir={project}", "model=springs")
        ended = run("train.py", *own, *SMALL, *several, folder=folder)
        assert ended.returncode == 0, ended.stderr
        (checkpoint,) = folder.glob("outputs/*/*/best.ckpt")
        weights.append(torch.load(checkpoint, weights_only=True)["state_dict"])
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-4, atol=1e-6)
