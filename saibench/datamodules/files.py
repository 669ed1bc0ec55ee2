"""Data files of the user: where they are searched, and their hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.hash_cache import cached_hash
from saibench.errors import UserError

SET_ROOT = "set data.root=<folder> (for audit and guard: --data-root <folder>)"
"""How a user states the folder of the files."""


def data_roots(root: str | None, data_set: str) -> list[Path]:
    """Folders to search: `root` alone, or `SAIBENCH_DATA_DIR` and then the download's folder."""
    if root is not None:
        return [Path(root).expanduser()]
    given = os.environ.get("SAIBENCH_DATA_DIR")
    return [*([Path(given).expanduser()] if given else []), cache_root() / data_set]


def find_file(
    files: Sequence[str], roots: Sequence[Path], subfolders: Sequence[str], how_to_get: str
) -> Path:
    """The first of `files` that exists in a root or in one of its `subfolders`.

    Raises UserError with `how_to_get` if there is none.
    """
    for root in roots:
        for folder in ("", *subfolders):
            for file in files:
                if (path := root / folder / file).is_file():
                    return path
    raise UserError(
        f"{files[0]} was not found in {' or '.join(map(str, roots))}, nor in the subfolder "
        f"{' or '.join(subfolders)}. {how_to_get}."
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits; that of a large file is cached (`cached_hash`)."""
    return cached_hash(path, [path], lambda: _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
