"""Pass the error of a failed rank to the process that started it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saibench.datamodules.downloads.disk import FULL
from saibench.errors import InsufficientData, UserError
from saibench.files.atomic import atomic_write
from saibench.imports.user_code import place_in_user_code

_USERS = (InsufficientData, UserError)
"""Errors that the parent raises with their own type; the subclass first."""


class RankFailed(RuntimeError):
    """A rank failed: the cause as message, its traceback as `details`."""

    def __init__(self, cause: str, details: str) -> None:
        super().__init__(cause)
        self.details = details


def cause_of(error: BaseException) -> str:
    """Return the cause of an error in one sentence."""
    if isinstance(error, UserError | RankFailed):
        return str(error)
    if isinstance(error, OSError) and error.errno in FULL:
        where = f" at {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}. Free some space and run the same command again."
    place = place_in_user_code(error)
    return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")


def write_error_file(folder: Path, rank: int, error: BaseException, details: str) -> None:
    """Write the error of this rank to the run's folder."""
    kind = next((kind.__name__ for kind in _USERS if isinstance(error, kind)), None)
    content = {"kind": kind, "cause": cause_of(error), "traceback": details}
    with atomic_write(folder / f".failure-{rank}.json") as file:
        file.write_text(json.dumps(content))


def read_error_files(folder: Path) -> list[dict[str, Any]]:
    """Read and delete the error files of all ranks, oldest first."""
    paths = sorted(folder.glob(".failure-*.json"), key=lambda path: path.stat().st_mtime_ns)
    contents = [json.loads(path.read_text()) for path in paths]
    for path in paths:
        path.unlink()
    return contents


def first_error(contents: list[dict[str, Any]], status: int) -> Exception:
    """Return the error in the first file; without a file, one with the exit code of the rank."""
    if not contents:
        return RankFailed(f"a process of the group ended with status {status}", "")
    first = contents[0]
    for kind in _USERS:
        if first["kind"] == kind.__name__:
            return kind(first["cause"])
    return RankFailed(first["cause"], first["traceback"])
