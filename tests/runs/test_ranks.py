"""Runs on several devices, with real process groups."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import polars
import polars.testing
import pytest
import torch
from command_line import QUIET, REPOSITORY, TINY, evaluate, only_point, train

from saibench.errors import InsufficientData, UserError
from saibench.evidence.run_record import read_metrics, read_record
from saibench.runs.error_files import RankFailed, first_error, read_error_files, write_error_file

pytestmark = [pytest.mark.usefixtures("without_page"), pytest.mark.slow]
TWO = (
    "+partitions.two={samplers: [{_target_: saibench.datamodules.samplers.Tail, size: 0.005}], "
    "transform: {_target_: saibench.datamodules.force_field.transforms.RandomRotation, seed: 7}}"
)
"""The last 2 of 300 frames with another rotation: one of three ranks has no sample."""


@pytest.fixture(autouse=True)
def modules_for_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"), prepend=os.pathsep)


def test_two_devices_give_the_weights_of_one(trained: Path, tmp_path: Path) -> None:
    """Batches of 5 are split into 3 and 2; gradients differ only by the order of additions."""
    ended = train(tmp_path, *TINY, "trainer.devices=2")
    assert ended.status == 0, ended
    point = only_point(tmp_path)
    assert point.name == trained.name, "the hash does not depend on devices"
    for name in ("best.ckpt", "last.ckpt"):
        one, two = (torch.load(folder / name, weights_only=True) for folder in (trained, point))
        assert one["global_step"] == two["global_step"]
        for part in ("state_dict", "current_model_state"):
            torch.testing.assert_close(two[part], one[part], rtol=1e-4, atol=1e-6)
    one, two = (read_metrics(folder) for folder in (trained, point))
    for name, entry in one["last_tenth"].items():
        found = two["last_tenth"][name]
        assert found["count"] == entry["count"]
        assert found["value"] == pytest.approx(entry["value"], rel=1e-3), name


def test_evaluations_on_one_two_and_three_ranks_agree(tmp_path: Path) -> None:
    """In double precision, which leaves no rounding differences."""
    assert train(tmp_path, *TINY, "model.net.dtype=float64").status == 0
    trained = only_point(tmp_path)
    tables, errors = {}, {}
    for devices in (1, 2, 3):  # the third rank has no frame of `two`
        point = Path(shutil.copytree(trained, tmp_path / f"on-{devices}" / trained.name))
        tests = ("test=[whole_trajectory,last_tenth_rotated,two]", TWO, "+metrics=rmse")
        ended = evaluate(tmp_path, f"run={point}", f"trainer.devices={devices}", *QUIET, *tests)
        assert ended.status == 0, ended
        metrics = read_metrics(point)
        counts = {name: entries["force_mae"]["count"] for name, entries in metrics.items()}
        expected = {"last_tenth": 30, "whole_trajectory": 300, "last_tenth_rotated": 30, "two": 2}
        assert counts == expected
        errors[devices] = [metrics[name]["rmse"]["value"] for name in ("two", "whole_trajectory")]
        tables[devices] = {
            name: polars.read_parquet(point / f"{name}.parquet").sort("partition", "sample_id")
            for name in ("samples", "by_species", "by_atom")
        }
    for devices in (2, 3):
        assert errors[devices] == pytest.approx(errors[1], rel=1e-6)
        for name, expected in tables[1].items():
            polars.testing.assert_frame_equal(tables[devices][name], expected, rel_tol=1e-6)


def test_cause_of_a_failed_rank_is_recorded(tmp_path: Path) -> None:
    failing = "+trainer.callbacks.failure={_target_: interruptions.Failure, step: 1, rank: 1}"
    ended = train(tmp_path, *TINY, "trainer.devices=2", failing)
    assert ended.status == 1
    assert "failed: RuntimeError: a deliberate failure" in ended.out
    point = only_point(tmp_path)
    record = read_record(point)
    assert record["state"] == "failed"
    assert record["failure"]["cause"].startswith("RuntimeError: a deliberate failure (")
    assert "interruptions.py" in record["failure"]["traceback"]
    assert not list(point.glob(".failure-*"))


def process_now() -> tuple[object, ...]:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return dict(os.environ), multiprocessing.get_start_method(allow_none=True), *handlers


@pytest.fixture
def joblib_worker() -> Iterator[None]:
    """Use joblib's start method in this process, as its workers do."""
    pytest.importorskip("joblib.externals.loky.backend.context")
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("loky", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.usefixtures("joblib_worker")
def test_ranks_get_the_current_environment_and_leave_the_process_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that they are forks of started before the variable was set."""
    forkserver.ensure_running()
    monkeypatch.setenv("INTERRUPTION", "raise@2")
    before = process_now()
    interruption = "+trainer.callbacks.interruption._target_=interruptions.Interruption"
    ended = train(tmp_path, *TINY, "trainer.devices=2", interruption)
    assert "failed: RuntimeError: interrupted at step 2" in ended.out
    assert process_now() == before


def test_ranks_end_with_the_launching_process(trained: Path, tmp_path: Path) -> None:
    """They would otherwise train in a folder whose lock is released."""
    program = (
        "from pathlib import Path\n"
        "from saibench.runs.ranks import run_ranks\n"
        f"run_ranks(Path({str(tmp_path)!r}), 2, 'train')\n"
    )
    for name in ("config.yaml", "run.json"):
        shutil.copy(trained / name, tmp_path)
    parent = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    try:
        ranks = until(lambda: len(found := ranks_of(parent.pid)) == 2 and found)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: not any(exists(process) for process in ranks))


def test_error_of_a_rank_reaches_the_parent_with_its_type(tmp_path: Path) -> None:
    for error in (InsufficientData("too few"), UserError("a mistake"), KeyError("x")):
        write_error_file(tmp_path, 1, error, "a traceback")
        raised = first_error(read_error_files(tmp_path), 1)
        if isinstance(error, UserError):
            assert type(raised) is type(error)
            assert str(raised) == str(error)
        else:
            assert isinstance(raised, RankFailed)
            assert str(raised) == "KeyError: 'x'"
            assert raised.details == "a traceback"
    assert not list(tmp_path.iterdir())
    assert "status 9" in str(first_error([], 9)), "a killed rank writes no file"


def ranks_of(process: int) -> list[int]:
    """Ranks of a process: children of its fork server."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int(_status(path)[1])
        except OSError:  # it ended
            continue
    return [rank for rank, parent in parents.items() if parents.get(parent) == process]


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return _status(Path(f"/proc/{process}"))[0] != "Z"


def _status(process: Path) -> list[str]:
    """State, parent and more of a process, after its name."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def until(condition: Callable[[], object], seconds: float = 300) -> object:
    """Wait until the condition is true, and return its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("timed out")


def test_interrupt_ends_all_ranks_without_a_traceback(tmp_path: Path) -> None:
    """Ctrl-C in a terminal reaches the command and the ranks at once."""
    endless = ("trainer.max_steps=100000", "trainer.val_every=4", "trainer.devices=2")
    others = [setting for setting in TINY if "steps" not in setting and "val_every" not in setting]
    with subprocess.Popen(
        [sys.executable, str(REPOSITORY / "train.py"), *others, *endless],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # even in the background
    ) as command:
        until(lambda: list(tmp_path.glob("outputs/*/*/last.ckpt")))
        os.killpg(command.pid, signal.SIGINT)
        out, err = command.communicate(timeout=180)
    assert command.returncode == 130, err
    assert "Interrupted" in out
    assert "Traceback" not in out + err
    record = read_record(only_point(tmp_path))
    assert record["state"] == "stopped"
