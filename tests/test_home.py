"""An unknown user id without HOME, as in containers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from command_line import REPOSITORY, TINY

from saibench.home import ensure_home

UNKNOWN_USER = """
import pwd, sys

def unknown(user):
    raise KeyError(f"getpwuid(): uid not found: {user}")

pwd.getpwuid = unknown
from saibench.cli import train
sys.argv = ["train.py", *sys.argv[1:]]
train()
"""


def train_unknown(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    dropped = {"HOME", "USER", "LOGNAME", "USERNAME", "LNAME", "SAIBENCH_CACHE_DIR"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return subprocess.run(
        [sys.executable, "-c", UNKNOWN_USER, *TINY],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_run_of_an_unknown_user_reports_its_cache_folder(tmp_path: Path) -> None:
    ended = train_unknown(tmp_path, TMPDIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    home = tmp_path / f"saibench-home-{os.getuid()}"
    assert (home / ".cache" / "saibench").is_dir()
    assert home.stat().st_mode & 0o777 == 0o700
    assert str(home) in ended.stderr
    assert list(tmp_path.glob("outputs/*/report.html"))


@pytest.mark.parametrize("kind", ["file", "link"])
def test_folder_of_another_user_is_refused(kind: str, tmp_path: Path) -> None:
    home = tmp_path / f"saibench-home-{os.getuid()}"
    if kind == "file":
        home.touch()
    else:
        home.symlink_to("/usr")
    ended = train_unknown(tmp_path, TMPDIR=str(tmp_path))
    assert ended.returncode == 2
    assert "Set HOME" in ended.stderr and ended.stderr.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("is_writable", [False, True])
def test_a_home_that_cannot_be_written_is_replaced(
    is_writable: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    own = tmp_path / "own" / "to be made"
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: is_writable)  # root may write anywhere
    ensure_home()
    home = own if is_writable else tmp_path / f"saibench-home-{os.getuid()}"
    assert os.environ["HOME"] == str(home)
    assert (str(own) in capsys.readouterr().err) is not is_writable
