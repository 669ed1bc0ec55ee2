"""Runs whose server is missing, is lost, or is reached later."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_process import KEY
from made_point import make_point
from one_session import Session
from wandb_file import logged_runs
from wandb_server import wandb_server


def test_sessions_of_a_killed_run_are_uploaded_in_order(tmp_path: Path) -> None:
    point = make_point(tmp_path / "a")
    Session(point, 0, 5).kill()
    (first,) = point.glob("wandb/offline-run-*/*.wandb")
    empty = point / "wandb" / "offline-run-20250101_000000-x"
    empty.mkdir()
    (empty / "run-x.wandb").write_bytes(first.read_bytes()[:7])  # killed before the first flush
    assert Session(point, 5, 8).end() == (0, "")
    (run,) = {run.id for run in logged_runs(point)}
    with wandb_server() as server:
        account = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}
        uploaded = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", *point.glob("wandb/offline-run-*")],
            env={**os.environ, **account},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert uploaded.returncode == 0, uploaded
        history = server.history(run)
    assert [row["trainer/global_step"] for row in history] == list(range(9))
    assert [row["_step"] for row in history] == list(range(9)), "the server drops other rows"


@pytest.mark.parametrize("listens", [False, True], ids=["refused", "silent"])
def test_run_without_a_network_is_offline_with_one_warning(tmp_path: Path, listens: bool) -> None:
    point = make_point(tmp_path / "a")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:  # it accepts the connection, as a firewall may, and never answers
            silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        status, stderr = Session(point, 0, 2, WANDB_BASE_URL=address, WANDB_API_KEY=KEY).end()
    assert status == 0, stderr
    assert len(stderr.splitlines()) == 1
    assert f"wandb sync {tmp_path}/*/wandb/offline-run-*" in stderr
    (run,) = logged_runs(point)
    assert run.folder.name.startswith("offline-run-")
    assert len(run.history) == 3


def test_run_whose_connection_is_lost_ends_and_can_be_uploaded(tmp_path: Path) -> None:
    point = make_point(tmp_path / "a")
    with wandb_server() as server:
        session = Session(point, 0, 3, WANDB_BASE_URL=server.address, WANDB_API_KEY=KEY)
        recorded = json.loads((point / "run.json").read_text())["wandb"]
    status, stderr = session.end()
    assert status == 0, stderr
    assert f"wandb sync --include-online {tmp_path}/*/wandb/run-*" in stderr
    (run,) = logged_runs(point)
    assert run.id == recorded["train"]
    assert len(run.history) == 4, "all steps are on disk"
