"""Several devices: one fresh process group a point, started by PyTorch's own launcher.

Lightning never starts ranks itself: under a Hydra sweep its children would run the whole sweep
again. torchrun's launcher starts them on the frozen config instead, and a rank that fails leaves a
note.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from saibench.errors import NotHeldByData, UserError

_LAUNCHER_VARIABLES = (
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID"),
)
_USERS = (NotHeldByData, UserError)
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
    return f"{type(error).__name__}: {error}"


def run_ranks(folder: Path, devices: int, task: str, changes: dict[str, Any] | None = None) -> None:
    """Run `task` of `saibench.runs.worker` on `devices` processes and wait for them.

    Raises:
        UserError: the mistake that a rank reported as the user's.
        RankFailed: a rank failed.
    """
    _take_notes(folder)
    command = [
        *(sys.executable, "-m", "saibench.runs.torchrun", str(devices)),
        *(task, str(folder), json.dumps(changes or {}), str(os.getpid())),
    ]
    environment = {k: v for k, v in os.environ.items() if k not in _LAUNCHER_VARIABLES}
    environment.setdefault("OMP_NUM_THREADS", "1")
    with subprocess.Popen(command, env=environment) as group:
        try:
            status = group.wait()
        except BaseException:
            group.terminate()  # the launcher passes it on to the ranks
            group.wait()
            raise
    if status:
        raise _failure(_take_notes(folder), status)


def leave_note(folder: Path, rank: int, error: BaseException, details: str) -> None:
    """What a failing rank tells the process that started it."""
    kind = next((kind.__name__ for kind in _USERS if isinstance(error, kind)), None)
    note = {"kind": kind, "cause": cause_of(error), "traceback": details}
    (folder / f".failure-{rank}.json").write_text(json.dumps(note))


def _take_notes(folder: Path) -> list[dict[str, Any]]:
    """The notes that ranks left, the first one first; none is left behind."""
    paths = sorted(folder.glob(".failure-*.json"), key=lambda path: path.stat().st_mtime_ns)
    notes = [json.loads(path.read_text()) for path in paths]
    for path in paths:
        path.unlink()
    return notes


def _failure(notes: list[dict[str, Any]], status: int) -> Exception:
    if not notes:
        return RankFailed(f"the process group ended with status {status}", "")
    first = notes[0]
    for kind in _USERS:
        if first["kind"] == kind.__name__:
            return kind(first["cause"])
    return RankFailed(first["cause"], first["traceback"])
