"""A disk that is full, or forbidden: the cause is told, and no file is half of one."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import QUIET, TINY, evaluate, only_point, train
from synthetic_study import Made, write_study

from saibench import cli

pytestmark = pytest.mark.usefixtures("without_page")
UNTESTED = {".lock", "config.yaml", "run.json", "best.ckpt", "last.ckpt"}


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """The kernel lets no file grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(point: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in point.iterdir()}


def test_evaluation_that_cannot_be_written_leaves_the_point_as_it_was(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    before = contents(point)
    with no_file_above(4096):
        ended = evaluate(tmp_path, f"run={point}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 1
    assert f"{point}: OSError: [Errno {errno.EFBIG}]" in ended.err
    assert contents(point) == before


def test_training_that_cannot_be_written_fails_with_the_cause(tmp_path: Path) -> None:
    with no_file_above(16_384):
        ended = train(tmp_path, *TINY, "trainer.max_steps=2")
    point = only_point(tmp_path)
    record = json.loads((point / "run.json").read_text())
    assert ended.status == 1
    assert (record["state"], "Errno" in record["failure"]["cause"]) == ("failed", True)
    assert set(contents(point)) <= UNTESTED


@pytest.mark.parametrize("file", ["samples.parquet", "by_atom.parquet", "metrics.json", "run.json"])
def test_full_disk_at_any_file_of_the_evidence_leaves_none_of_it(
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
    record = json.loads((point / "run.json").read_text())
    assert ended.status == 1
    assert record["state"] == "failed"
    assert "No space left on device" in record["failure"]["cause"]
    assert record["failure"]["cause"].endswith("once there is room, the same command goes on.")
    assert "partitions" not in record
    assert set(contents(point)) == UNTESTED

    assert train(tmp_path, *TINY).status == 0, "with room again, the same command ends it"
    assert {"samples.parquet", "by_atom.parquet", "metrics.json"} <= set(contents(point))


def test_command_that_may_not_write_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report of a study that lies in somebody else's folder."""
    study = write_study(tmp_path / "study", [Made(size=0.9)], frames=50)

    def forbidden(self: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    monkeypatch.setattr("sys.argv", ["saibench", "report", str(study)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == f"{study / 'evidence'} cannot be read or written: Permission denied.\n"


def test_error_of_the_system_that_is_no_matter_of_folders_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: object) -> int:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    with pytest.raises(ConnectionRefusedError):
        cli._guarded(refused)


def test_study_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file")
    ended = train(tmp_path, *TINY)
    assert ended.status == 2
    assert ended.err.startswith("the folder of the study cannot be made")
    assert "outputs" in ended.err
    assert ended.err.count("\n") == 1


def test_point_that_cannot_be_locked_is_refused_in_one_sentence(
    trained: Path, copied: Callable[[Path], Path], tmp_path: Path
) -> None:
    point = copied(trained)
    (point / ".lock").unlink()
    (point / ".lock").mkdir()  # the superuser may write anywhere else
    ended = evaluate(tmp_path, f"run={point}", "test=[whole_trajectory]", *QUIET)
    assert ended.status == 2
    assert f"{point} cannot be written" in ended.err
    assert "Traceback" not in ended.err
