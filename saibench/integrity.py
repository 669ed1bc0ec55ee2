"""SHA-256 of the files of a run, kept in its record and checked wherever one is read.

`run.json` has an entry `files`, `{name: SHA-256}`, and an entry `digest`, the SHA-256 of all its
other entries. Records written before there were such entries are read without a check.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from saibench.errors import UserError, first_line

RECORD = "run.json"
FILES = "files"
DIGEST = "digest"

Facts = tuple[int, int, int]
"""Size, time of change and inode of a file: while they stay, its content is taken to stay."""


def sha256(path: Path) -> str:
    """SHA-256 of a file's content in hex, computed once per process while the file stays."""
    return _sha256(path.absolute(), _facts(path))


def sha256_of_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """`{name: SHA-256}` of files in `folder`."""
    return {name: sha256(folder / name) for name in names}


def facts_of_files(folder: Path) -> set[tuple[str, Facts]]:
    """Names and facts of the files of a run that a record may list: none that is hidden."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name != RECORD]
    return {(path.name, _facts(path)) for path in files if not path.name.startswith(".")}


def check_file(path: Path, fix: str = "run its point again") -> bool:
    """Refuse a file that is not as the record beside it says; whether that says anything.

    A file that is missing is left to whoever reads it.

    Args:
        path: in the folder of a run.
        fix: what to do, where the file cannot be restored.

    Raises:
        UserError: the content has another SHA-256, or the record is damaged.
    """
    record = path.with_name(RECORD)
    try:
        expected = _recorded(record.absolute(), _facts(record)).get(path.name)
        found = None if expected is None else sha256(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    if found != expected:
        raise UserError(
            f"{path} is damaged or was changed after its run: its SHA-256 is {str(found)[:12]}…, "
            f"{RECORD} has {str(expected)[:12]}…. Restore it, or {fix}."
        )
    return expected is not None


def check_zip(path: Path, fix: str) -> None:
    """Refuse an archive whose members have not the CRC-32 that it gives for them.

    NumPy checks them itself; PyTorch does not.

    Args:
        path: the archive.
        fix: what to do.

    Raises:
        UserError: a member has another content, or the archive cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.testzip()
    except Exception as error:  # zipfile raises almost anything for an archive that is garbled
        raise UserError(f"{path} is damaged ({first_line(error)}): {fix}.") from error
    if member is not None:
        raise UserError(
            f"{path} is damaged (the CRC-32 of {member} does not fit its content): {fix}."
        )


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with its digest as the last entry."""
    rest = json.loads(json.dumps({**content, DIGEST: None}))  # as it will be read
    del rest[DIGEST]
    return {**rest, DIGEST: _digest(rest)}


def read_sealed(path: Path) -> dict[str, Any]:
    """The JSON object in a file, without its digest; one without a digest is taken as it is.

    Raises:
        UserError: the file is no JSON object, or its digest is not that of its content.
    """
    content = read_json_object(path)
    digest = content.pop(DIGEST, None)
    if digest not in (None, _digest(content)):
        raise UserError(
            f"{path} is damaged, or was edited by hand: its {DIGEST} does not fit its content. "
            f"Restore the file, or remove its entry '{DIGEST}' to accept the content."
        )
    return content


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        UserError: the file cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, first_line(error)) from error
    if not isinstance(content, dict):
        raise damaged(path, "it does not hold a JSON object")
    return content


def damaged(path: Path, how: str) -> UserError:
    """The refusal of a file of a run."""
    fix = "remove it and run" if path.name == RECORD else "run"
    return UserError(f"{path} is damaged ({how}): {fix} its point again.")


def _digest(content: Mapping[str, Any]) -> str:
    """Of the values, however they are laid out in the file."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=4096)
def _sha256(path: Path, facts: Facts) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _recorded(record: Path, facts: Facts) -> Mapping[str, str]:
    files = read_sealed(record).get(FILES)
    return files if isinstance(files, dict) else {}


def _facts(path: Path) -> Facts:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
