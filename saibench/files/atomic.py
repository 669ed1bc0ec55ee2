"""Atomic writing of files and folders."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saibench.files.processes import is_alive, process_place

_ASIDE = re.compile(r"\.saibench-(?P<process>\d+)@(?P<place>[^.]*)\.(?P<name>.+)")
"""Name of a temporary file or folder: process, where its number is unique, and what it replaces."""
A_DAY = 24 * 3600


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder that replaces `path` on success.

    A reader never sees an incomplete file, and an error leaves the old one. Temporary files that
    killed processes left of the same file are removed. A system error names `path`.
    """
    aside = _aside(path)
    try:
        yield aside
        os.replace(aside, path)
    except OSError as error:
        if error.errno is not None and str(error.filename) in ("None", str(aside)):
            # pyarrow names no file, and others the temporary one
            error.filename, error.strerror = str(path), os.strerror(error.errno)
        raise
    finally:
        aside.unlink(missing_ok=True)
        remove_leftovers(path.parent, path.name)


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`, to be moved to it by `os.replace` when it is complete.

    It is removed if it was not moved, as are those that killed processes left of the same folder.
    """
    aside = _aside(path)
    for left in _leftovers(path.parent, path.name):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(aside, ignore_errors=True)  # of a killed process that had this number
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _aside(path: Path) -> Path:
    # ends as `path` does: savez appends a missing suffix
    return path.with_name(f".saibench-{os.getpid()}@{process_place()}.{path.name}")


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove temporary files of `atomic_write` that killed processes left in a folder.

    Args:
        folder: may be missing.
        name: the file whose temporary files to remove; by default all files.
    """
    for path in _leftovers(folder, name):
        if path.is_file():
            path.unlink(missing_ok=True)


def _leftovers(folder: Path, name: str | None) -> Iterator[Path]:
    """What killed processes left, by its name: no links.

    A process of another machine that shares the folder may still run: what it writes is left after
    a day without change.
    """
    for path in folder.glob(".*"):
        found = _ASIDE.fullmatch(path.name)
        if found is None or name not in (None, found["name"]):
            continue
        if not path.is_symlink() and _is_left(path, found):
            yield path


def _is_left(path: Path, found: re.Match[str]) -> bool:
    if found["place"] == process_place():
        return not is_alive(int(found["process"]))
    try:
        return time.time() - path.stat().st_mtime > A_DAY
    except FileNotFoundError:  # its process has finished meanwhile
        return False
