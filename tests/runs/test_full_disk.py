"""A full or read-only disk: the cause is reported, and no file is incomplete."""

from __future__ import annotations

import errno
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import QUIET, TINY, evaluate, only_point, train
from synthetic_study import Made, write_study

from saibench import cli
from saibench.evidence.run_record import read_record

pytestmark = pytest.mark.usefixtures("without_page")
UNTESTED = {".lock", "config.yaml", "run.json", "best.ckpt", "last.ckpt"}


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """The kernel lets no file grow beyond `size` bytes.

    Python would leave truncated bytecode of modules that are first imported meanwhile.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = bytecode


def contents(point: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in point.iterdir()}


def test_evaluation_that_cannot_be_written_changes_nothing(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    before = contents(point)
    with no_file_above(4096):
        ended = evaluate(tmp_path, f"run={point}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 1
    assert f"{point}: OSError: [Errno {errno.EFBIG}]" in ended.err
    assert contents(point) == before


@pytest.mark.parametrize("sweep", [(), ("-m",)])
def test_folder_that_cannot_be_created_is_refused(
    sweep: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, make = tmp_path / "outputs" / "force_field", Path.mkdir

    def read_only(path: Path, *arguments: Any, **named: Any) -> None:
        if path.is_relative_to(study):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        make(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", read_only)
        ended = train(tmp_path, *sweep, *TINY)
    assert ended.status == 2, ended
    assert "Read-only file system" in ended.err and "Errno" not in ended.err
    assert str(study) in ended.err and ended.err.count("\n") == 1


def test_training_that_cannot_be_written_records_the_cause(tmp_path: Path) -> None:
    with no_file_above(16_384):
        ended = train(tmp_path, *TINY, "trainer.max_steps=2")
    point = only_point(tmp_path)
    record = read_record(point)
    assert ended.status == 1
    assert (record["state"], "Errno" in record["failure"]["cause"]) == ("failed", True)
    assert set(contents(point)) <= UNTESTED


@pytest.mark.parametrize("file", ["samples.parquet", "by_atom.parquet", "metrics.json", "run.json"])
def test_full_disk_at_any_file_of_the_evidence_writes_none(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(write: Callable[..., Any]) -> Callable[..., Any]:
        def written(path: Path, *content: Any) -> None:
            if path.name == file:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            write(path, *content)

        return written

    from saibench.runs import evaluation

    with monkeypatch.context() as patch:
        for name in ("write_table", "write_json", "write_record"):
            patch.setattr(evaluation, name, full(getattr(evaluation, name)))
        ended = train(tmp_path, *TINY)
    point = only_point(tmp_path)
    record = read_record(point)
    assert ended.status == 1
    assert record["state"] == "failed"
    assert "No space left on device" in record["failure"]["cause"]
    assert "partitions" not in record
    assert set(contents(point)) == UNTESTED

    assert train(tmp_path, *TINY).status == 0, "with free space the same command completes it"
    assert {"samples.parquet", "by_atom.parquet", "metrics.json"} <= set(contents(point))


def test_command_without_write_permission_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report of a study in a folder of another user."""
    study = write_study(tmp_path / "study", [Made(size=0.9)], frames=50)

    def forbidden(self: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    monkeypatch.setattr("sys.argv", ["saibench", "report", str(study)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(study / "evidence") in line and "Permission denied" in line


def test_other_system_errors_are_not_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: object) -> int:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    with pytest.raises(ConnectionRefusedError):
        cli._guarded(refused)


def test_study_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file")
    ended = train(tmp_path, *TINY)
    assert ended.status == 2
    assert "folder of the study" in ended.err and "outputs" in ended.err
    assert ended.err.count("\n") == 1


def test_run_that_cannot_be_locked_is_refused(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    (point / ".lock").unlink()
    (point / ".lock").mkdir()  # the superuser may write anywhere else
    ended = evaluate(tmp_path, f"run={point}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 2
    assert f"{point} cannot be written" in ended.err
    assert "Traceback" not in ended.err
