"""SHA-256 of the files of a run, kept in its record and checked on reading.

`run.json` has an entry `files`, `{name: SHA-256}`, and an entry `digest`, the SHA-256 of all its
other entries. Older records without them are read without a check. While files are replaced, an
entry `pending` has the new hashes, and both are accepted. Joined tables and data have no record but
a file `SHA256SUMS` in the format of the command `sha256sum`.
"""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from saibench.errors import UserError, first_line
from saibench.files.atomic import atomic_write
from saibench.files.bounded_json import load_json
from saibench.files.plain import read_text, refuse_irregular

RECORD = "run.json"
SUMS = "SHA256SUMS"
FILES = "files"
PENDING = "pending"
DIGEST = "digest"

MAX_SUMS = 2**24
"""Maximum size of `SHA256SUMS` in bytes."""
SETTLED = 1_000_000_000
"""Nanoseconds after which a further change of a file has another time stamp."""

FileState = tuple[int, int, int]
"""Size, time of change and inode of a file; while they are equal, so is the content."""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex, cached while the file does not change."""
    return _cached(_sha256, path)


def sha256_of_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return `{name: SHA-256}` of files in `folder`."""
    return {name: sha256(folder / name) for name in names}


def states_of_files(folder: Path) -> set[tuple[str, FileState]]:
    """Return names and states of the files that a record may list, without hidden ones."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name != RECORD]
    return {(path.name, _state(path)) for path in files if not path.name.startswith(".")}


def check_file(path: Path, fix: str = "train the run again") -> bool:
    """Compare a file with its SHA-256 in `run.json` or `SHA256SUMS` of its folder.

    A missing file passes: its reader raises the error.

    Args:
        path: in the folder of a run.
        fix: what to do if the file cannot be restored.

    Returns:
        whether a SHA-256 was found.

    Raises:
        UserError: the content has another SHA-256, the record is damaged, or `path` is a folder,
            a pipe or a device.
    """
    _refuse_irregular(path, fix)
    for name, read in ((RECORD, _recorded), (SUMS, _summed)):
        try:
            expected = _cached(read, path.with_name(name)).get(path.name, ())
            found = sha256(path) if expected else None
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}).") from error
        if not expected:
            continue
        if found not in expected:
            raise UserError(
                f"{path} is damaged or was changed since it was written: its SHA-256 is "
                f"{str(found)[:12]}…, {name} has {str(expected[0])[:12]}…. Restore it, or {fix}."
            )
        return True
    return False


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """Write `SHA256SUMS` of files in `folder` atomically."""
    sums = sha256_of_files(folder, sorted(names))
    with atomic_write(folder / SUMS) as aside:
        text = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        aside.write_text(text, encoding="utf-8")


def check_zip(path: Path, fix: str) -> None:
    """Check the CRC-32 of an archive's members; PyTorch does not do that itself.

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
            f"{path} is damaged (the CRC-32 of {member} does not match its content): {fix}."
        )


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content with its digest as the last entry."""
    rest = json.loads(json.dumps({**content, DIGEST: None}))  # as it will be read
    del rest[DIGEST]
    return {**rest, DIGEST: _digest(rest)}


def read_sealed(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file without its digest, which is checked if there is one.

    Raises:
        UserError: the file is no JSON object, or its digest does not match its content.
    """
    content = read_json_object(path)
    digest = content.pop(DIGEST, None)
    if digest not in (None, _digest(content)):
        raise UserError(
            f"{path} is damaged, or was edited by hand: its {DIGEST} does not match its content. "
            f"Restore the file, or remove its entry '{DIGEST}' to accept the content."
        )
    return content


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        UserError: the file cannot be read, or holds something else.
    """
    try:
        content = load_json(path)
    except (OSError, ValueError) as error:
        raise damaged(path, first_line(error)) from error
    if not isinstance(content, dict):
        raise damaged(path, "it does not hold a JSON object")
    return content


def damaged(path: Path, how: str) -> UserError:
    """Return the error for a damaged file of a run."""
    fix = "Remove it and train" if path.name == RECORD else "Train"
    return UserError(f"{path} is damaged ({how}). {fix} the run again.")


def _digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the values, independent of the layout of the file."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_irregular(path: Path, fix: str) -> None:
    try:
        refuse_irregular(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(f"{path} cannot be read ({error}). Restore it, or {fix}.") from error


@lru_cache(maxsize=4096)
def _sha256(path: Path, state: FileState) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _recorded(record: Path, state: FileState) -> Mapping[str, Sequence[Any]]:
    """Return the accepted hashes of each file, with those of a pending replacement."""
    content = read_sealed(record)
    expected: dict[str, list[Any]] = {}
    for files in (content.get(FILES), content.get(PENDING)):
        for name, digest in (files if isinstance(files, dict) else {}).items():
            expected.setdefault(name, []).append(digest)
    return expected


@lru_cache(maxsize=4096)
def _summed(sums: Path, state: FileState) -> Mapping[str, Sequence[str]]:
    """Return the hashes in the format of `sha256sum`: digest, space, space or asterisk, name."""
    try:
        lines = read_text(sums, MAX_SUMS).splitlines()
    except ValueError as error:
        raise UserError(f"{sums} is damaged ({first_line(error)}): remove it.") from error
    parted = (line.split(maxsplit=1) for line in lines)
    return {words[1].removeprefix("*"): [words[0].lower()] for words in parted if len(words) == 2}


def _cached(read: Any, path: Path) -> Any:
    """Call a cached function of path and state, without its cache for a new file.

    The clock of a file system ticks in milliseconds: two changes within a tick look like one.
    """
    state = _state(path)
    if time.time_ns() - state[1] < SETTLED:
        return read.__wrapped__(path.absolute(), state)
    return read(path.absolute(), state)


def _state(path: Path) -> FileState:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
