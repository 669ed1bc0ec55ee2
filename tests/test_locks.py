"""Locks between processes, on file systems with `flock` and, by simulation, without."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lock_processes import FORK, HOLD, RACE, start

from saibench.datamodules.cache import cached_arrays
from saibench.datamodules.downloads.part import sole_writer
from saibench.errors import UserError
from saibench.files import claims, locks
from saibench.files.claims import MAX_SILENCE, Owner
from saibench.files.locks import InUse, is_locked, take_lock
from saibench.files.processes import host, process_space
from saibench.runs.point import PointIsBusy, locked

KINDS = ("flock", "claims")


@pytest.fixture
def without_flock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def without(number: int = errno.ENOLCK) -> None:
        def refuse(descriptor: int, operation: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(locks, "_named", set())
        monkeypatch.setattr(fcntl, "flock", refuse)

    return without


def claim(lock: Path, owner: Owner, silence: float = 0.0) -> Path:
    """A claim of a process that renewed it `silence` seconds ago, by the file system's time."""
    path = lock.with_name(f"{lock.name}.claims") / "1"
    path.parent.mkdir()
    path.write_text(json.dumps(vars(owner)))
    renewed = path.stat().st_mtime - silence
    os.utime(path, (renewed, renewed))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_of_a_living_process_is_refused_and_of_a_killed_one_taken_at_once(
    kind: str, tmp_path: Path, without_flock: Callable[..., None]
) -> None:
    lock = tmp_path / ".lock"
    if kind == "claims":
        without_flock()
    holder = start(HOLD, lock, kind)
    try:
        assert is_locked(lock)
        with pytest.raises(InUse, match=str(holder.pid) if kind == "claims" else "process"):
            take_lock(lock)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert not is_locked(lock)
    with take_lock(lock):
        assert is_locked(lock)
        with pytest.raises(InUse):
            take_lock(lock, wait=0.03)
    assert not is_locked(lock)
    with take_lock(lock):
        assert is_locked(lock)


@pytest.mark.parametrize("number", sorted(locks.UNSUPPORTED))
def test_a_file_system_without_locks_is_named_with_its_error(
    number: int,
    tmp_path: Path,
    without_flock: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    without_flock(number)
    for _ in range(2):
        with take_lock(tmp_path / ".lock"):
            pass
    (message,) = [record.getMessage() for record in caplog.records]
    assert str(tmp_path / ".lock") in message and os.strerror(number) in message


@pytest.mark.parametrize("silence", [MAX_SILENCE - 20, MAX_SILENCE + 20])
@pytest.mark.parametrize("clock", [-86400.0, 86400.0])
def test_a_claim_of_another_machine_is_taken_over_by_the_time_of_the_file_system(
    silence: float,
    clock: float,
    tmp_path: Path,
    without_flock: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The clock of this machine is a day off; the number of the process lives here by chance."""
    without_flock()
    lock = tmp_path / ".lock"
    claim(lock, Owner("ada", "node7", os.getpid(), "another"), silence)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + clock)
    if silence < MAX_SILENCE:
        assert is_locked(lock)
        with pytest.raises(InUse, match=r"ada on node7"):
            take_lock(lock)
        return
    assert not is_locked(lock)
    caplog.clear()
    with take_lock(lock):
        assert is_locked(lock)
    (message,) = [one.getMessage() for one in caplog.records if "node7" in one.getMessage()]
    assert str(lock) in message and "ada" in message


def test_a_claim_that_is_renewed_stays(
    tmp_path: Path, without_flock: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_flock()
    monkeypatch.setattr(claims, "RENEWAL", 0.01)
    lock = tmp_path / ".lock"
    with take_lock(lock):
        path = tmp_path / ".lock.claims" / "1"
        os.utime(path, (0, 0))  # as if it had been silent
        until = time.monotonic() + 60
        while path.stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert path.stat().st_mtime > 0 and is_locked(lock)


def test_a_process_that_was_taken_for_dead_says_so(
    tmp_path: Path,
    without_flock: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    without_flock()
    monkeypatch.setattr(claims, "RENEWAL", 0.01)
    with take_lock(tmp_path / ".lock"):
        (tmp_path / ".lock.claims" / "2").touch()
        until = time.monotonic() + 60
        while "taken for dead" not in caplog.text and time.monotonic() < until:
            time.sleep(0.01)
    assert [one.levelno for one in caplog.records if "dead" in one.msg] == [logging.ERROR]


def test_a_claim_of_another_machine_of_this_name_has_not_ended(
    tmp_path: Path, without_flock: Callable[..., None]
) -> None:
    """Its process number means nothing here, as that of a process in another container."""
    without_flock()
    lock = tmp_path / ".lock"
    claim(lock, Owner("ada", host(), 2**30, "another"))
    with pytest.raises(InUse, match="ada"):
        take_lock(lock)


def test_a_lock_whose_folder_was_removed_is_released_in_silence(
    tmp_path: Path, without_flock: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    without_flock()
    folder = tmp_path / "run"
    folder.mkdir()
    with take_lock(folder / ".lock"):
        caplog.clear()
        shutil.rmtree(folder)
    assert not caplog.records and not folder.exists()


def test_a_release_leaves_the_claim_of_a_process_that_made_the_folder_anew(
    tmp_path: Path, without_flock: Callable[..., None]
) -> None:
    """As when the folder of a refused run is removed, and another command starts that run."""
    without_flock()
    lock = tmp_path / ".lock"
    with take_lock(lock):
        shutil.rmtree(tmp_path / ".lock.claims")
        claim(lock, Owner("ada", "node7", 1, "another"))
    with pytest.raises(InUse, match="node7"):
        take_lock(lock)


@pytest.mark.parametrize("kind", KINDS)
def test_of_processes_that_find_a_stale_claim_one_wins(kind: str, tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock = tmp_path / ".lock"
    claim(lock, Owner("ada", host(), gone.pid, process_space()))
    racers = [start(RACE, lock, kind) for _ in range(4)]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    found = [racer.stdout.readline().strip() for racer in racers if racer.stdout is not None]
    for racer in racers:
        racer.communicate("go\n", timeout=60)
    assert sorted(found) == ["lost", "lost", "lost", "won"]


def test_an_outdated_view_takes_no_claim(
    tmp_path: Path, without_flock: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes over and releases, while this one still has the old list of files."""
    without_flock()
    lock = tmp_path / ".lock"
    claim(lock, Owner("ada", "node7", 1, "another"), 2 * MAX_SILENCE)
    take_lock(lock).close()
    with take_lock(lock):
        monkeypatch.setattr(claims, "_last", lambda folder: 1)
        with pytest.raises(InUse, match=str(os.getpid())):
            take_lock(lock)


def test_a_claim_excludes_a_machine_on_which_flock_works(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    claim(lock, Owner("ada", "node7", 1, "another"))
    with pytest.raises(InUse, match="node7"):
        take_lock(lock)


@pytest.mark.parametrize(
    ("options", "has_claim"),
    [("rw,local_lock=none", False), ("rw,local_lock=all,vers=3", True), ("rw,localflock", True)],
)
def test_locks_that_other_machines_do_not_see_are_not_used(
    options: str, has_claim: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a share"
    folder.mkdir()
    mounts = tmp_path / "mounts"
    escaped = str(folder).replace(" ", "\\040")
    mounts.write_text(f"none / ext4 rw 0 0\nserver:/x {escaped} nfs {options} 0 0\n")
    monkeypatch.setattr(locks, "MOUNTS", mounts)
    with take_lock(folder / ".lock"):
        assert (folder / ".lock.claims").exists() == has_claim
        assert is_locked(folder / ".lock")


def test_the_mounts_are_read_once_by_a_process_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(locks, "_local_option", read.append)
    with take_lock(tmp_path / ".lock"):
        read.clear()
        with pytest.raises(InUse):
            take_lock(tmp_path / ".lock", wait=0.05)
    assert read == [tmp_path / ".lock"]


def test_a_worker_that_outlives_its_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    holder = start(FORK, lock, "flock")
    worker = int((tmp_path / "worker").read_text())
    try:
        assert is_locked(lock)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        os.kill(worker, 0)  # it lives
        assert not is_locked(lock)
    finally:
        os.kill(worker, signal.SIGKILL)
        holder.communicate()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ESTALE])
def test_a_lock_that_cannot_be_written_is_refused_in_words(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *rest: int) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "open", refuse)
    words = os.strerror(number)
    with pytest.raises(UserError, match=rf"\.lock.*{words}"), locked(tmp_path):
        pytest.fail("not reached")
    with pytest.raises(UserError, match=words):
        cached_arrays(tmp_path, "name", {}, lambda folder: pytest.fail("not reached"))


def test_commands_name_the_owner(tmp_path: Path, without_flock: Callable[..., None]) -> None:
    without_flock()
    owner = Owner("ada", "node7", 12, "another")
    claim(tmp_path / ".lock", owner)
    with pytest.raises(PointIsBusy, match=f"{tmp_path} is in use by {owner}"), locked(tmp_path):
        pytest.fail("not reached")
    claim(tmp_path / ".file.lock", owner)
    with pytest.raises(UserError, match=f"{owner}"), sole_writer(tmp_path / "file"):
        pytest.fail("not reached")


def test_a_process_that_waits_gets_the_lock(
    tmp_path: Path, without_flock: Callable[..., None]
) -> None:
    without_flock()
    lock = tmp_path / ".lock"
    holder = start("with take_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n"
                   "    sys.stdin.readline()", lock, "claims")  # fmt: skip
    with pytest.raises(InUse):
        take_lock(lock)
    assert holder.stdin is not None
    holder.stdin.write("go\n")
    holder.stdin.flush()
    with take_lock(lock, wait=math.inf):
        assert sorted(path.name for path in (tmp_path / ".lock.claims").iterdir()) == ["1", "2"]
    holder.communicate(timeout=60)
