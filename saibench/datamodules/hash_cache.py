"""Hashes of file contents, cached until a file changes."""

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

MIN_BYTES = 2**24
"""Total file size from which a hash is saved for other processes."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a further change of a file gets another timestamp."""

States = tuple[tuple[int, int, int, int], ...]
"""Size, modification time, change time and inode of each file; they identify its content."""

_known: dict[tuple[Path, States], str] = {}


def cached_hash(path: Path, files: Sequence[Path], compute: Callable[[], str]) -> str:
    """The hash of a file or folder, computed only if its files have changed.

    Args:
        path: a file, or the folder of the files.
        files: all files that enter the hash.
        compute: returns the hash.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    path, began = path.resolve(), time.time_ns()
    states = file_states(files)
    if (path, states) in _known:
        return _known[path, states]
    is_large = sum(size for size, *_ in states) >= MIN_BYTES
    found = _read(path, states) if is_large else None
    if found is None:
        found = compute()
        if not is_settled(states, began):
            return found
        if is_large:
            _save(path, states, found)
    _known[path, states] = found
    return found


def file_states(files: Sequence[Path]) -> States:
    """Raises OSError: a file is missing."""
    return tuple(_state(file) for file in files)


def is_settled(states: States, now: int) -> bool:
    """Whether any further change after `now`, in ns, gives other states.

    An immediate further change could have the same timestamp.
    """
    return now - max(max(state[1:3]) for state in states) > SETTLED


def _state(file: Path) -> tuple[int, int, int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _entry(path: Path) -> Path:
    return cache_root() / "hashes" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:24]}.json"


def _key(path: Path, states: States) -> dict[str, Any]:
    return {"path": str(path), "states": [list(state) for state in states]}


def _read(path: Path, states: States) -> str | None:
    """The hash saved by another process; None if there is none or its file is damaged."""
    key = _key(path, states)
    try:
        known = load_json(_entry(path))
        return str(known["sha256"]) if {name: known.get(name) for name in key} == key else None
    except (OSError, ValueError, LookupError, AttributeError):
        return None


def _save(path: Path, states: States, found: str) -> None:
    """Save a hash; a cache that is not writable only costs time."""
    entry = _entry(path)
    with contextlib.suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(entry) as aside:
            content = {**_key(path, states), "sha256": found}
            aside.write_text(json.dumps(content), encoding="utf-8")
