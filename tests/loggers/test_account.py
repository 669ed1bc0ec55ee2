"""Each case in a process of its own, since W&B reads its settings once a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KEY = "0123456789abcdef0123456789abcdef01234567"
CHOOSE = "from saibench.loggers.account import choose_mode; print(choose_mode({asked!r}))"


def choose(asked: str | None, home: Path, **environment: str) -> subprocess.CompletedProcess:
    """`choose_mode(asked)` where nobody can answer a question, and no server can be reached."""
    home.mkdir(exist_ok=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, "-c", CHOOSE.format(asked=asked)],
        env={
            **clean,
            "HOME": str(home),
            "WANDB_BASE_URL": "http://127.0.0.1:9",
            "WANDB_HTTP_TIMEOUT": "1",
            **environment,
        },
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("asked", "told", "expected"),
    [
        (None, {}, "offline"),
        (None, {"WANDB_MODE": "disabled"}, "disabled"),
        (None, {"WANDB_MODE": "offline", "WANDB_API_KEY": KEY}, "offline"),
        (None, {"WANDB_MODE": "dryrun"}, "offline"),
        (None, {"WANDB_API_KEY": KEY}, "online"),
        ("offline", {"WANDB_API_KEY": KEY}, "offline"),
        ("offline", {"WANDB_MODE": "online"}, "offline"),
        ("disabled", {}, "disabled"),
        ("online", {"WANDB_MODE": "offline", "WANDB_API_KEY": KEY}, "online"),
    ],
)
def test_mode_follows_config_then_environment_then_login(
    tmp_path: Path, asked: str | None, told: dict[str, str], expected: str
) -> None:
    chosen = choose(asked, tmp_path / "home", **told)
    assert chosen.stdout.split() == [expected], chosen.stderr


def test_login_in_a_netrc_file_is_found(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1:9\n login user\n password {KEY}\n")
    netrc.chmod(0o600)
    chosen = choose(None, tmp_path / "home", NETRC=str(netrc))
    assert chosen.stdout.split() == ["online"], chosen.stderr


@pytest.mark.parametrize(
    ("asked", "told", "sentence"),
    [
        ("online", {}, "logger.mode=online needs a Weights & Biases login"),
        (None, {"WANDB_MODE": "online"}, "WANDB_MODE=online needs a Weights & Biases login"),
        (None, {"WANDB_MODE": "nonsense"}, "cannot use mode='nonsense'"),
        (None, {"WANDB_API_KEY": "short"}, "cannot use these credentials"),
        ("sometimes", {}, "logger.mode=sometimes is unknown"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(
    tmp_path: Path, asked: str | None, told: dict[str, str], sentence: str
) -> None:
    chosen = choose(asked, tmp_path / "home", **told)
    assert chosen.returncode
    last = chosen.stderr.strip().splitlines()[-1]
    assert last.startswith("saibench.errors.UserError: ")
    assert sentence in last
