"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ASIDE = re.compile(r"\.saibench-(?P<process>\d+)@(?P<host>[^.]*)\.(?P<name>.+)")
"""How a file is named while it is written: the process, its machine, and the file."""
A_DAY = 24 * 3600


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path in the same folder to write to, which takes the place of `path` when all is well.

    A reader never sees half a file, and an error or a kill leaves what there was. What a process
    that was killed has left of the same file is removed.
    """
    # named so that it ends as `path` does: savez appends a suffix to others
    aside = path.with_name(f".saibench-{os.getpid()}@{_host()}.{path.name}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
        remove_leftovers(path.parent, path.name)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what processes that were killed have left unfinished in a folder.

    Only files that `atomic_write` has named are removed: all others are somebody's own. A process
    of another machine, which may share the folder, cannot be asked whether it lives: what it has
    not touched for a day is a leftover.

    Args:
        folder: which may be missing.
        name: of the one file whose leftovers are meant; by default all files.
    """
    for path in folder.glob(".*"):
        found = _ASIDE.fullmatch(path.name)
        if found is None or name not in (None, found["name"]):
            continue
        if path.is_file() and not path.is_symlink() and _is_left(path, found):
            path.unlink(missing_ok=True)


def _is_left(path: Path, found: re.Match[str]) -> bool:
    if found["host"] == _host():
        return not _lives(int(found["process"]))
    try:
        return time.time() - path.stat().st_mtime > A_DAY
    except FileNotFoundError:  # its process has ended well meanwhile
        return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def _host() -> str:
    return platform.node().partition(".")[0]
