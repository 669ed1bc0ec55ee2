"""What a rank that fails tells the process that started it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saibench.datamodules.downloads.disk import FULL
from saibench.errors import InsufficientData, UserError
from saibench.files.atomic import atomic_write
from saibench.imports.user_code import place_in_user_code

_USERS = (InsufficientData, UserError)
"""Errors that reach the parent as what they are, the more special one first."""


class RankFailed(RuntimeError):
    """A rank failed; the message is its cause, `details` its traceback."""

    def __init__(self, cause: str, details: str) -> None:
        super().__init__(cause)
        self.details = details


def cause_of(error: BaseException) -> str:
    """Why something failed, in one sentence."""
    if isinstance(error, UserError | RankFailed):
        return str(error)
    if isinstance(error, OSError) and error.errno in FULL:
        where = f" at {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}: once there is room, the same command goes on."
    place = place_in_user_code(error)
    return f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")


def write_error_file(folder: Path, rank: int, error: BaseException, details: str) -> None:
    """Tell the process that started this rank of the point in `folder` why it fails."""
    kind = next((kind.__name__ for kind in _USERS if isinstance(error, kind)), None)
    note = {"kind": kind, "cause": cause_of(error), "traceback": details}
    with atomic_write(folder / f".failure-{rank}.json") as file:
        file.write_text(json.dumps(note))


def read_error_files(folder: Path) -> list[dict[str, Any]]:
    """The notes that ranks left, the first one first; none is left behind."""
    paths = sorted(folder.glob(".failure-*.json"), key=lambda path: path.stat().st_mtime_ns)
    notes = [json.loads(path.read_text()) for path in paths]
    for path in paths:
        path.unlink()
    return notes


def failure_told(notes: list[dict[str, Any]], status: int) -> Exception:
    """What the first note says, or where there is none the exit code that a rank ended with."""
    if not notes:
        return RankFailed(f"a process of the group ended with status {status}", "")
    first = notes[0]
    for kind in _USERS:
        if first["kind"] == kind.__name__:
            return kind(first["cause"])
    return RankFailed(first["cause"], first["traceback"])
