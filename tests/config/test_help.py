"""Help and composed config of the entry points."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import REPOSITORY

HEAVY = ("torch", "lightning", "nequip", "e3nn", "tblite", "ase", "matplotlib", "wandb")


def run(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process that prints the heavy packages that it imported."""
    program = (
        "import atexit, runpy, sys\n"
        f"report = lambda: print([n for n in {HEAVY} if n in sys.modules], file=sys.stderr)\n"
        "atexit.register(report)\n"
        f"sys.argv = {[script, *arguments]!r}\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_help_lists_the_settings_and_imports_nothing_heavy(script: str, tmp_path: Path) -> None:
    ended = run(tmp_path, str(REPOSITORY / script), "--help")
    assert ended.returncode == 0
    assert f"python {script}" in ended.stdout
    assert "logger: csv, none, tensorboard, wandb" in ended.stdout
    assert ended.stderr.strip() == "[]"
    assert not list(tmp_path.iterdir())


def test_help_lists_no_folder_of_the_checkout_as_a_config_group(tmp_path: Path) -> None:
    ended = run(tmp_path, str(REPOSITORY / "train.py"), "--help")
    groups = ended.stdout.partition("group=option")[2].partition("== Settings")[0]
    names = {line.partition(":")[0].strip() for line in groups.splitlines() if ":" in line}
    assert names >= {"data", "model", "workload", "sweeps/force_field"}
    assert not any(name.startswith(("saibench", "tests", "conf", ".venv")) for name in names)


def test_config_is_shown_and_nothing_runs(tmp_path: Path) -> None:
    ended = run(tmp_path, str(REPOSITORY / "train.py"), "seed=3", "--cfg", "job")
    assert ended.returncode == 0
    assert "seed: 3" in ended.stdout
    assert ended.stderr.strip() == "[]"
    assert not list(tmp_path.iterdir())


def test_closed_pipe_of_help_is_no_error(tmp_path: Path) -> None:
    """`python train.py --help | head -1`"""
    command = f"{shlex.join([sys.executable, str(REPOSITORY / 'train.py')])} --help | head -1"
    ended = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""
