"""Hashes of what files hold: computed once a machine, and again whenever a file has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from saibench.datamodules.cache_root import cache_root
from saibench.files.atomic import atomic_write
from saibench.files.bounded_json import load_json

KEPT_FROM = 2**24
"""Bytes of files whose hash is kept for other processes."""
SETTLED = 2_000_000_000
"""Nanoseconds since a file's last change, after which another would have another time."""

States = tuple[tuple[int, int, int, int], ...]
"""Of each file its size, times of change and inode: while they stay, its content does."""

_known: dict[tuple[Path, States], str] = {}


def kept_hash(path: Path, files: Sequence[Path], digest: Callable[[], str]) -> str:
    """The hash of what lies at a path, computed unless it is known for the files as they are.

    Args:
        path: a file, or the folder of the files.
        files: all that the hash is of.
        digest: computes it.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    path, began = path.resolve(), time.time_ns()
    states = tuple(_state(file) for file in files)
    if (path, states) in _known:
        return _known[path, states]
    is_large = sum(size for size, *_ in states) >= KEPT_FROM
    found = _read(path, states) if is_large else None
    if found is None:
        found = digest()
        if began - max(max(state[1:3]) for state in states) <= SETTLED:
            return found  # a change at once would not be seen
        if is_large:
            _keep(path, states, found)
    _known[path, states] = found
    return found


def _state(file: Path) -> tuple[int, int, int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _note(path: Path) -> Path:
    return cache_root() / "hashes" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:24]}.json"


def _told(path: Path, states: States) -> dict[str, Any]:
    return {"path": str(path), "states": [list(state) for state in states]}


def _read(path: Path, states: States) -> str | None:
    """What another process has noted; None where there is nothing, or it is damaged."""
    told = _told(path, states)
    try:
        known = load_json(_note(path))
        return str(known["sha256"]) if {key: known.get(key) for key in told} == told else None
    except (OSError, ValueError, LookupError, AttributeError):
        return None


def _keep(path: Path, states: States, found: str) -> None:
    """A cache that cannot be written costs time alone."""
    note = _note(path)
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(note) as aside:
            content = {**_told(path, states), "sha256": found}
            aside.write_text(json.dumps(content), encoding="utf-8")
