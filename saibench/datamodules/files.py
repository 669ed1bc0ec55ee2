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


def matching_files(pattern: str, roots: Sequence[Path], subfolder: str) -> list[Path]:
    """The files of a pattern in the first root, or its `subfolder`, that has any, by name.

    Args:
        pattern: a path, a name below a root, or a pattern such as `2020/*.h5`.
        roots: folders to search, for a relative pattern.
        subfolder: of the roots.

    Raises:
        UserError: there is none.
    """
    given = Path(pattern).expanduser()
    searched = [Path(given.anchor)] if given.is_absolute() else list(roots)
    relative = str(given.relative_to(given.anchor)) if given.is_absolute() else pattern
    for root in searched:
        for folder in (root, root / subfolder):
            if found := sorted(folder.glob(relative)):
                return found
    raise UserError(
        f"No file '{pattern}' was found in {' or '.join(map(str, searched))}, nor in the subfolder "
        f"{subfolder}. Use paths or patterns, or {SET_ROOT}."
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal digits; that of a large file is cached (`cached_hash`)."""
    return cached_hash(path, [path], lambda: _digest(path))


def paths_sha256(paths: Sequence[Path]) -> str:
    """SHA-256 of the contents of files and folders, in any order; large ones are cached.

    That of a folder is of the names and hashes of its files.
    """
    files = {path: _files_of(path) for path in paths}

    def digest() -> str:
        digests = [
            _folder_digest(path, files[path]) if path.is_dir() else _digest(path) for path in paths
        ]
        return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()

    return cached_hash(
        paths[0].parent / "contents", [file for path in paths for file in files[path]], digest
    )


def _files_of(path: Path) -> list[Path]:
    return (
        sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]
    )


def _folder_digest(folder: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()} {_digest(path)}\n".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
