"""Files that a user has: where they are looked for, and what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from saibench.datamodules.cache import cache_root
from saibench.errors import UserError


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
    """sha256 of a file's content; read once a process, unless the file changes."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
