"""Files that a user has: where they are looked for, and what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from saibench.datamodules.cache_root import cache_root
from saibench.datamodules.kept_hashes import kept_hash
from saibench.errors import UserError

SET_ROOT = "give their folder: data.root=<folder>, of audit and guard --data-root <folder>"
"""How a user says where files are."""


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
    return kept_hash(path, [path], lambda: _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
