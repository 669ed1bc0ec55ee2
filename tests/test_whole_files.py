"""Files and folders are written whole, and what killed processes left of them is removed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from saibench.files.atomic import atomic_write, folder_aside, remove_leftovers
from saibench.files.processes import host, process_place

KILLED = """
import os, signal, sys
from pathlib import Path
from saibench.files.atomic import atomic_write
with atomic_write(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


KILLED_FOLDER = """
import os, signal, sys
from pathlib import Path
from saibench.files.atomic import folder_aside
with folder_aside(Path(sys.argv[1])) as aside:
    (aside / "run.json").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def hidden(folder: Path) -> set[str]:
    return {path.name for path in folder.glob(".*")}


def kill_one(path: Path, program: str = KILLED) -> None:
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert len(hidden(path.parent)) == 1


def test_a_file_of_a_killed_process_goes_with_the_next_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    kill_one(path)
    with atomic_write(tmp_path / "another.yaml") as aside:
        aside.write_text("whole")
    assert len(hidden(tmp_path)) == 1, "of another file"
    with atomic_write(path) as aside:
        aside.write_text("whole")
    assert hidden(tmp_path) == set()
    assert path.read_text() == "whole"


def test_a_folder_of_a_killed_process_goes_with_the_next_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "study"
    kill_one(path, KILLED_FOLDER)
    with folder_aside(tmp_path / "another"):
        assert len(hidden(tmp_path)) == 2
    assert len(hidden(tmp_path)) == 1, "of another folder"
    with folder_aside(path) as aside:
        assert len(hidden(tmp_path)) == 1
        (aside / "run.json").write_text("whole")
        os.replace(aside, path)
    assert hidden(tmp_path) == set()
    assert (path / "run.json").read_text() == "whole"


def test_a_folder_that_is_not_moved_is_removed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the end"), folder_aside(tmp_path / "study") as aside:
        (aside / "run.json").write_text("half")
        raise ValueError("the end")
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_what_there_was(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(ValueError, match="the end"), atomic_write(path) as aside:
        aside.write_text("half")
        raise ValueError("the end")
    assert path.read_text() == "before"
    assert hidden(tmp_path) == set()


@pytest.mark.parametrize("names", [True, False])
def test_a_full_disk_names_the_file_and_not_the_temporary_one(names: bool, tmp_path: Path) -> None:
    """pyarrow names no file, and says the cause twice."""
    path = tmp_path / "samples.parquet"
    with pytest.raises(OSError) as raised, atomic_write(path) as aside:
        raise OSError(errno.ENOSPC, "Error writing bytes to file", *([str(aside)] if names else []))
    found = raised.value
    assert (found.filename, found.strerror) == (str(path), os.strerror(errno.ENOSPC))


def test_only_what_no_process_writes_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = {
        f".saibench-{gone.pid}@{process_place()}.run.json",
        f".saibench-{gone.pid}@elsewhere.config.yaml",
    }
    kept = {
        f".saibench-{os.getpid()}@{process_place()}.run.json",
        f".saibench-{gone.pid}@elsewhere.run.json",
        f".saibench-{gone.pid}@{host()}-00000000.run.json",  # another machine of this name
        ".lock",
        ".failure-0.json",
        ".2024.my_notes.txt",
        f".{gone.pid}@{process_place()}.txt",
    }
    for name in left | kept:
        (tmp_path / name).touch()
    yesterday = time.time() - 25 * 3600
    os.utime(tmp_path / f".saibench-{gone.pid}@elsewhere.config.yaml", (yesterday, yesterday))
    remove_leftovers(tmp_path)
    assert hidden(tmp_path) == kept
    remove_leftovers(tmp_path / "missing")


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    """`atomic_write` creates neither folders nor links."""
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f".saibench-{gone.pid}@{process_place()}.run.json").mkdir()
    (tmp_path / f".saibench-{gone.pid}@{process_place()}.link").symlink_to(mine)
    before = hidden(tmp_path)
    with atomic_write(tmp_path / "run.json") as aside:
        aside.write_text("whole")
    remove_leftovers(tmp_path)
    assert hidden(tmp_path) == before
    assert len(before) == 2
