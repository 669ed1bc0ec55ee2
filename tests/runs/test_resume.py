"""A resumed training gives the result of an uninterrupted one."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import polars
import polars.testing
import pytest
import torch
from command_line import TINY, Ended, no_page, only_point, run, train

from saibench.evidence.run_record import read_record, update_record

pytestmark = pytest.mark.usefixtures("without_page")

EIGHT_STEPS = (
    *TINY,
    *("trainer.max_steps=8", "trainer.val_every=2", "datamodule.evaluation_batch_size=20"),
    "+trainer.callbacks.interruption._target_=interruptions.Interruption",
)
PLATEAU = ("lr_schedule=plateau", "lr_schedule.scheduler.patience=0")
LINEAR = ("lr_schedule=linear",)
INTERRUPTED_AT = 5
"""Between two validations: one step is lost and repeated."""


def checkpoint(point: Path, name: str) -> dict[str, Any]:
    return torch.load(point / name, weights_only=True)


def assert_same_training(point: Path, other: Path) -> None:
    for name in ("best.ckpt", "last.ckpt"):
        one, two = checkpoint(point, name), checkpoint(other, name)
        assert one["global_step"] == two["global_step"]
        for part in ("state_dict", "current_model_state"):
            torch.testing.assert_close(one[part], two[part], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(
            one["optimizer_states"][0]["state"], two["optimizer_states"][0]["state"]
        )
        for schedule, expected in zip(one["lr_schedulers"], two["lr_schedulers"], strict=True):
            best = expected.pop("best", 0.0)  # the loss of a plateau schedule
            assert schedule.pop("best", 0.0) == pytest.approx(best, rel=1e-5)
            assert schedule == expected
    for name in ("samples", "by_species", "by_atom"):
        tables = [polars.read_parquet(folder / f"{name}.parquet") for folder in (point, other)]
        polars.testing.assert_frame_equal(*tables, rel_tol=1e-5, abs_tol=1e-3)  # meV, meV/Å


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Path]:
    points = {}
    for schedule in (LINEAR, PLATEAU):
        folder = tmp_path_factory.mktemp("uninterrupted")
        with no_page():
            assert train(folder, *EIGHT_STEPS, *schedule).status == 0
        points[schedule] = only_point(folder)
    return points


def test_plateau_schedule_changes_the_learning_rate(
    uninterrupted: dict[tuple[str, ...], Path],
) -> None:
    """So that the tests below would detect a lost validation."""
    rates = checkpoint(uninterrupted[PLATEAU], "last.ckpt")["lr_schedulers"][0]["_last_lr"]
    assert rates[0] < 0.003
    assert read_record(uninterrupted[LINEAR])["steps"] == 8


def test_killed_process_is_resumed_exactly(
    tmp_path: Path, uninterrupted: dict[tuple[str, ...], Path]
) -> None:
    kill = f"kill@{INTERRUPTED_AT}"
    killed = run("train.py", tmp_path, *EIGHT_STEPS, *PLATEAU, INTERRUPTION=kill)
    point = only_point(tmp_path)
    assert killed.status == -signal.SIGKILL
    assert read_record(point)["state"] == "running"
    assert checkpoint(point, "last.ckpt")["global_step"] == 4
    assert not (point / "samples.parquet").exists()

    resumed = train(tmp_path, *EIGHT_STEPS, *PLATEAU)
    assert resumed.status == 0, resumed
    assert_same_training(point, uninterrupted[PLATEAU])
    assert len(read_record(point)["sessions"]) == 2


def test_failed_training_is_resumed_exactly_in_a_moved_folder(
    tmp_path: Path, uninterrupted: dict[tuple[str, ...], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERRUPTION", f"raise@{INTERRUPTED_AT}")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    failed = train(here, *EIGHT_STEPS, *LINEAR)
    assert failed.status == 1
    assert "RuntimeError: interrupted at step 5" in failed.out
    record = read_record(only_point(here))
    assert record["failure"]["cause"].startswith("RuntimeError: interrupted at step 5")
    assert "on_train_batch_start" in record["failure"]["traceback"]

    here.rename(there)
    monkeypatch.delenv("INTERRUPTION")
    resumed = train(there, *EIGHT_STEPS, *LINEAR)
    assert resumed.status == 0, resumed
    point = only_point(there)
    assert read_record(point)["failure"] is None
    assert read_record(point)["started"] == record["started"]
    assert_same_training(point, uninterrupted[LINEAR])


@pytest.mark.parametrize(
    ("interruption", "schedule", "global_step"),
    [
        ("term@5", PLATEAU, 5),  # within a round
        ("term@4", LINEAR, 4),  # before the first step of a round
        ("validation@6", PLATEAU, 6),
    ],
)
def test_stopped_training_is_resumed_from_its_last_step(
    tmp_path: Path,
    uninterrupted: dict[tuple[str, ...], Path],
    interruption: str,
    schedule: tuple[str, ...],
    global_step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INTERRUPTION", interruption)
    stopped = train(tmp_path, *EIGHT_STEPS, *schedule)
    assert stopped.status == 128 + signal.SIGTERM
    point = only_point(tmp_path)
    assert read_record(point)["state"] == "stopped"
    last = checkpoint(point, "last.ckpt")
    assert last["global_step"] == global_step
    owes_validation = last["callbacks"]["StopBetweenSteps"]["owes_validation"]
    assert owes_validation == (interruption == "validation@6")

    monkeypatch.delenv("INTERRUPTION")
    resumed = train(tmp_path, *EIGHT_STEPS, *schedule)
    assert resumed.status == 0, resumed
    assert read_record(point)["steps"] == 8
    assert_same_training(point, uninterrupted[schedule])


def test_all_ranks_stop_before_the_same_step_if_one_is_told(
    tmp_path: Path, uninterrupted: dict[tuple[str, ...], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERRUPTION", "term1@5")
    stopped = train(tmp_path, *EIGHT_STEPS, *LINEAR, "trainer.devices=2")
    assert stopped.status == 130
    point = only_point(tmp_path)
    assert read_record(point)["state"] == "stopped"
    assert checkpoint(point, "last.ckpt")["global_step"] == 5

    monkeypatch.delenv("INTERRUPTION")
    assert train(tmp_path, *EIGHT_STEPS, *LINEAR, "trainer.devices=2").status == 0
    tables = [polars.read_parquet(p / "samples.parquet") for p in (point, uninterrupted[LINEAR])]
    errors = [table.select("sample_id", "force_mae") for table in tables]
    # ranks add gradients in another order, with rounding errors of eight float32 steps
    polars.testing.assert_frame_equal(*errors, rel_tol=1e-5)


def test_sessions_shorter_than_a_round_give_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five steps, validated after the third and the last."""
    budget = (*TINY, "trainer.max_steps=5", "trainer.val_every=3", EIGHT_STEPS[-1])
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.setenv("INTERRUPTION", "each@1")  # one step per session
    statuses = [train(here, *budget).status for _ in range(5)]
    assert statuses == [128 + signal.SIGTERM] * 4 + [0]
    monkeypatch.delenv("INTERRUPTION")
    assert train(there, *budget).status == 0
    assert read_record(only_point(here))["steps"] == read_record(only_point(there))["steps"] == 5
    assert_same_training(only_point(here), only_point(there))


def test_interrupted_sweep_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERRUPTION", "interrupt@3")
    stopped = train(tmp_path, "-m", *EIGHT_STEPS, "seed=0,1")
    assert stopped.status == 130, "the exit code of Ctrl-C"
    assert "Interrupted" in stopped.out
    assert " stopped" in stopped.out
    assert " not run" in stopped.out, "Ctrl-C ends the whole sweep"
    assert read_record(only_point(tmp_path))["state"] == "stopped"


def test_seconds_of_resumed_sessions_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training time is that of all steps of these weights."""
    monkeypatch.setenv("INTERRUPTION", f"raise@{INTERRUPTED_AT}")
    train(tmp_path, *EIGHT_STEPS)
    point = only_point(tmp_path)
    last = checkpoint(point, "last.ckpt")
    timer = last["callbacks"]["Timer"]["time_elapsed"]
    timer["train"] = 1000.0  # of the first four steps
    torch.save(last, point / "last.ckpt")
    monkeypatch.delenv("INTERRUPTION")
    assert train(tmp_path, *EIGHT_STEPS).status == 0
    seconds = read_record(point)["seconds"]
    assert 1000 < seconds["train"] < 2000, "counted once"
    assert seconds["total"] == pytest.approx(
        seconds["prepare"] + seconds["train"] + seconds["test"], abs=0.03
    )


def test_run_that_failed_in_its_test_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("saibench.runs.evaluation._write", None)
        assert train(tmp_path, *TINY).status == 1
    point = only_point(tmp_path)
    weights = (point / "last.ckpt").read_bytes()
    ended = train(tmp_path, *TINY)
    assert ended.status == 0, ended
    assert (point / "last.ckpt").read_bytes() == weights


def test_interrupted_training_on_other_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERRUPTION", f"raise@{INTERRUPTED_AT}")
    train(tmp_path, *EIGHT_STEPS)
    point = only_point(tmp_path)
    update_record(point, data={"hash": "0" * 64})
    monkeypatch.delenv("INTERRUPTION")
    ended: Ended = train(tmp_path, *EIGHT_STEPS)
    assert ended.status == 2
    assert "the data have changed" in ended.err
