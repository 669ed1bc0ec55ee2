"""Runs whose server is missing, refuses them, is lost, or is reached later."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars
import pytest
from fresh_process import KEY
from made_point import SETTINGS, make_point
from one_session import Session, started_sessions
from wandb_file import logged_runs
from wandb_server import Arrived, Server, wandb_server

from saibench.evidence.run_record import read_metrics, update_record

FIGURE = "force_field.point_errors"


@pytest.fixture(scope="module")
def sessions() -> Iterator[subprocess.Popen[str]]:
    with started_sessions() as process:
        yield process


def sync(server: Server, folder: Path, *options: str) -> Arrived:
    """Upload all that was logged of a run, and return what arrives."""
    account = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}
    uploaded = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *options, *sorted(folder.glob("wandb/*run-*"))],
        env={**os.environ, **account},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert uploaded.returncode == 0, uploaded
    (arrived,) = server.runs.values()
    return arrived


@pytest.fixture(scope="module")
def uploaded(
    tmp_path_factory: pytest.TempPathFactory, sessions: subprocess.Popen[str]
) -> tuple[Path, Arrived]:
    """A run that was killed and resumed without a login, then uploaded; and what arrives."""
    point = make_point(tmp_path_factory.mktemp("study") / "a")
    update_record(point, figures=[f"saibench.figures.{FIGURE}"])
    Session(sessions, point, 0, 5).kill()
    (first,) = point.glob("wandb/offline-run-*/*.wandb")
    empty = point / "wandb" / "offline-run-20250101_000000-x"
    empty.mkdir()
    (empty / "run-x.wandb").write_bytes(first.read_bytes()[:7])  # killed before the first flush
    assert Session(sessions, point, 5, 8, results=True).end() == (0, "")
    with wandb_server() as server:
        return point, sync(server, point)


def test_history_of_a_killed_run_arrives_whole(uploaded: tuple[Path, Arrived]) -> None:
    history = uploaded[1].history
    losses = [row for row in history if "train/loss" in row]
    assert [row["trainer/global_step"] for row in losses] == list(range(9))
    assert [row["_step"] for row in history] == list(range(len(history))), "others are dropped"


def test_config_group_and_job_type_arrive(uploaded: tuple[Path, Arrived]) -> None:
    point, arrived = uploaded
    assert {name: arrived.config[name] for name in SETTINGS} == SETTINGS
    record = json.loads((point / "run.json").read_text())
    assert arrived.config["point"] == record["point"]
    assert arrived.settings["name"] == record["wandb"]["train"]
    named = [arrived.settings[key] for key in ("groupName", "jobType", "displayName", "tags")]
    assert named == [record["study"], "train", record["slug"], [record["workload"]]]


def test_metrics_by_partition_arrive_in_the_summary(uploaded: tuple[Path, Arrived]) -> None:
    point, arrived = uploaded
    metrics = read_metrics(point)
    assert metrics
    for partition, entries in metrics.items():
        for name, entry in entries.items():
            assert arrived.summary[f"{partition}/{name}"] == pytest.approx(entry["value"])


def test_table_and_figure_arrive(uploaded: tuple[Path, Arrived]) -> None:
    point, arrived = uploaded
    table = json.loads(arrived.files[arrived.summary["evidence/samples"]["path"]])
    samples = polars.read_parquet(point / "samples.parquet")
    assert table["columns"] == samples.columns
    assert len(table["data"]) == 200
    assert "evidence/samples.table.json" in arrived.files, "of the artifact that a page shows"
    image = arrived.summary[f"figures/{FIGURE.rpartition('.')[2]}"]
    (content,) = (arrived.files[name] for name in arrived.files if name.endswith(".png"))
    assert content.startswith(b"\x89PNG")
    assert image["width"] > 300


@pytest.mark.parametrize("listens", [False, True], ids=["refused", "silent"])
def test_run_without_a_network_is_offline_with_one_warning(
    tmp_path: Path, sessions: subprocess.Popen[str], listens: bool
) -> None:
    point = make_point(tmp_path / "a")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:  # it accepts the connection, as a firewall may, and never answers
            silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        session = Session(sessions, point, 0, 2, WANDB_BASE_URL=address, WANDB_API_KEY=KEY)
        status, stderr = session.end()
    assert status == 0, stderr
    assert len(stderr.splitlines()) == 1
    assert f"wandb sync {tmp_path}/*/wandb/offline-run-*" in stderr
    (run,) = logged_runs(point)
    assert run.folder.name.startswith("offline-run-")
    assert len(run.history) == 3


@pytest.mark.parametrize("status", [401, 500])
def test_run_that_the_server_refuses_is_offline_with_one_warning(
    tmp_path: Path, sessions: subprocess.Popen[str], status: int
) -> None:
    point = make_point(tmp_path / "a")
    with wandb_server(refusal=status) as server:
        account = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}
        account["INIT_TIMEOUT"] = "5"  # in which it asks again after a 500
        ended, stderr = Session(sessions, point, 0, 2, **account).end()
    assert ended == 0, stderr
    (warning,) = stderr.splitlines()
    assert "not permitted" in warning, "what the server said"
    assert "logger.project" in warning
    assert f"wandb sync {tmp_path}/*/wandb/offline-run-*" in warning
    (run,) = logged_runs(point)
    assert len(run.history) == 3


def test_run_whose_connection_is_lost_is_resumed_and_uploaded_whole(
    tmp_path: Path, sessions: subprocess.Popen[str]
) -> None:
    point = make_point(tmp_path / "a")
    with wandb_server() as server:
        account = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY}
        account["WANDB_HTTP_TIMEOUT"] = "1"
        session = Session(sessions, point, 0, 3, results=True, **account)
        recorded = json.loads((point / "run.json").read_text())["wandb"]
    status, stderr = session.end()
    assert status == 0, stderr
    assert f"wandb sync --include-online {tmp_path}/*/wandb/run-*" in stderr
    (run,) = logged_runs(point)
    assert run.id == recorded["train"]
    assert sum("train/loss" in row for row in run.history) == 4, "all steps are on disk"
    status, stderr = Session(sessions, point, 4, 6, **account).end()
    assert status == 0, stderr
    with wandb_server() as server:
        arrived = sync(server, point, "--include-online")
    losses = [row for row in arrived.history if "train/loss" in row]
    assert [row["trainer/global_step"] for row in losses] == list(range(7))
    assert any("evidence/samples" in row for row in arrived.history)
