"""Files that a user has: where they are looked for, and what they hold."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from saibench.datamodules.cache import cache_root
from saibench.errors import UserError
from saibench.whole_files import written_whole

KEPT_FROM = 2**24
"""Bytes of a file whose hash is kept."""
SET_ROOT = "give their folder: data.root=<folder>, of audit and guard --data-root <folder>"
"""How a user says where files are."""
SETTLED = 2_000_000_000
"""Nanoseconds since a file's last change, after which another would have another time."""


def data_roots(root: str | None, data_set: str) -> list[Path]:
    """Where files are looked for: `root` alone, or the user's data folder, then the download."""
    if root is not None:
        return [Path(root).expanduser()]
    given = os.environ.get("SAIBENCH_DATA_DIR")
    return [*([Path(given).expanduser()] if given else []), cache_root() / data_set]


def find_file(
    files: Sequence[str], roots: Sequence[Path], below: Sequence[str], how_to_get: str
) -> Path:
    """The first of `files` in the first root, or in one of the folders `below` it.

    Raises UserError with `how_to_get` if there is none.
    """
    for root in roots:
        for folder in ("", *below):
            for file in files:
                if (path := root / folder / file).is_file():
                    return path
    raise UserError(
        f"{files[0]} is not in {' or '.join(map(str, roots))}, nor there in {' or '.join(below)}: "
        f"{how_to_get}."
    )


def file_sha256(path: Path) -> str:
    """sha256 of a file's content, hexadecimal.

    Of a large file it is kept in the cache, by what tells whether the file is still the same: it is
    read once a machine and not once a command.
    """
    status = path.stat()
    state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return _sha256(path.resolve(), state)


@lru_cache(maxsize=64)
def _sha256(path: Path, state: tuple[int, ...]) -> str:
    if state[0] < KEPT_FROM:
        return _digest(path)
    kept = cache_root() / "hashes" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:24]}.json"
    told = {"path": str(path), "state": list(state)}
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        if {key: known.get(key) for key in told} == told:
            return str(known["sha256"])
    except (OSError, ValueError, LookupError, AttributeError):  # none, or a damaged one
        pass
    found = _digest(path)
    if time.time_ns() - max(state[1:3]) > SETTLED:  # else a change at once would not be seen
        _keep(kept, {**told, "sha256": found})
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(path: Path, content: dict[str, Any]) -> None:
    """A cache that cannot be written costs time alone."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as aside:
            aside.write_text(json.dumps(content), encoding="utf-8")
