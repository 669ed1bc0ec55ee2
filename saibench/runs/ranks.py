"""Several devices: one fresh process group a point, started by PyTorch's own launcher.

Lightning never starts ranks itself: under a Hydra sweep its children would run the whole sweep
again. torchrun starts them on the frozen config instead, and a rank that fails leaves a note.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from saibench.errors import UserError

_LAUNCHER_VARIABLES = ("RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE",
                       "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID")  # fmt: skip


class RankFailed(RuntimeError):
    """A rank failed; the message is its cause, `details` its traceback."""

    def __init__(self, cause: str, details: str) -> None:
        super().__init__(cause)
        self.details = details


def run_ranks(folder: Path, devices: int, task: str, changes: dict[str, Any] | None = None) -> None:
    """Run `task` of `saibench.runs.worker` on `devices` processes and wait for them.

    Raises:
        UserError: the mistake that a rank reported as the user's.
        RankFailed: a rank failed.
    """
    for note in folder.glob(".failure-*.json"):
        note.unlink()
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        f"--nproc_per_node={devices}",
        *("-m", "saibench.runs.worker", task, str(folder), json.dumps(changes or {})),
    ]
    environment = {k: v for k, v in os.environ.items() if k not in _LAUNCHER_VARIABLES}
    environment.setdefault("OMP_NUM_THREADS", "1")
    finished = subprocess.run(command, env=environment, check=False)
    if finished.returncode:
        raise _cause(folder, finished.returncode)


def leave_note(folder: Path, rank: int, error: BaseException, details: str) -> None:
    """What a failing rank tells the process that started it."""
    note = {"cause": f"{type(error).__name__}: {error}", "traceback": details}
    if isinstance(error, UserError):
        note |= {"cause": str(error), "kind": "user"}
    (folder / f".failure-{rank}.json").write_text(json.dumps(note))


def _cause(folder: Path, status: int) -> Exception:
    notes = sorted(folder.glob(".failure-*.json"), key=lambda path: path.stat().st_mtime)
    if not notes:
        return RankFailed(f"the process group ended with status {status}", "")
    first = json.loads(notes[0].read_text())
    for note in notes:
        note.unlink()
    if first.get("kind") == "user":
        return UserError(first["cause"])
    return RankFailed(first["cause"], first["traceback"])
