from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from fresh_process import KEY, NO_SERVER, fresh_processes, mode_under

from saibench.errors import UserError
from saibench.loggers.account import Mode, check_project, upload_command


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with fresh_processes() as pool:
        yield pool


@pytest.mark.parametrize(
    ("requested", "environment", "expected"),
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
    processes: ProcessPoolExecutor,
    requested: Mode | None,
    environment: dict[str, str],
    expected: str,
) -> None:
    chosen = processes.submit(mode_under, NO_SERVER | environment, requested)
    assert chosen.result(timeout=300) == expected


def test_login_in_a_netrc_file_is_found(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1:9\n login user\n password {KEY}\n")
    netrc.chmod(0o600)
    chosen = processes.submit(mode_under, NO_SERVER | {"NETRC": str(netrc)}, None)
    assert chosen.result(timeout=300) == "online"


@pytest.mark.parametrize(
    ("requested", "environment", "named"),
    [
        ("online", {}, r"logger\.mode=online.*login"),
        (None, {"WANDB_MODE": "online"}, "WANDB_MODE=online.*login"),
        (None, {"WANDB_MODE": "nonsense"}, "mode='nonsense'"),
        (None, {"WANDB_API_KEY": "short"}, "credentials"),
        ("sometimes", {}, r"logger\.mode=sometimes.*online, offline, disabled"),
    ],
)
def test_invalid_mode_or_login_is_refused_in_one_line(
    processes: ProcessPoolExecutor,
    requested: Mode | None,
    environment: dict[str, str],
    named: str,
) -> None:
    chosen = processes.submit(mode_under, NO_SERVER | environment, requested)
    with pytest.raises(UserError, match=named) as refused:
        chosen.result(timeout=300)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["a/b", "50%", "x" * 200])
def test_name_that_no_project_can_have_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf"logger\.project={name}"):
        check_project(name)


def test_upload_command_finds_runs_in_a_folder_with_a_space(tmp_path: Path) -> None:
    run = tmp_path / "a study" / "run" / "wandb" / "offline-run-1"
    run.mkdir(parents=True)
    command = upload_command(tmp_path / "a study", "offline-run-*").replace("wandb sync", "ls -d")
    found = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(run)
