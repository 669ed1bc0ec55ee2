"""One rank of a process group, started by PyTorch's launcher."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saibench.runs.error_files import write_error_file
from saibench.runs.stopping import STOP

ORPHANED = 3
INTERRUPTED = 130
_BY_LAUNCHER = re.compile(
    r"(LOCAL_|GROUP_|ROLE_)?(RANK|WORLD_SIZE)|ROLE_NAME|MASTER_(ADDR|PORT)|TORCHELASTIC_.*"
)


@dataclass(frozen=True)
class End:
    """What a rank ends with, even if it waits in PyTorch for another.

    Args:
        parent: id of the launching process, which holds the run's lock until it is gone.
        file: ends the rank when it appears, if given.
    """

    parent: int
    file: Path | None

    def is_reached(self) -> bool:
        return not _exists(self.parent) or (self.file is not None and self.file.exists())


def run_rank(
    task: str, folder: Path, changes: dict[str, Any], end: End, environment: dict[str, str]
) -> None:
    """Run a task on this rank; if it fails, write an error file and exit.

    Args:
        task: `train` or `evaluate`.
        folder: of the run.
        changes: of an evaluation.
        end: of this process.
        environment: variables of the launching process, which a fork of another process lacks.
    """
    launched = {name: os.environ[name] for name in os.environ if _BY_LAUNCHER.fullmatch(name)}
    os.environ.clear()
    os.environ.update(environment | launched)
    _end_at(end)
    try:
        with STOP.listening():
            run_task(task, folder, changes)
    except (KeyboardInterrupt, SystemExit):  # Lightning turns an interrupt into a SystemExit
        sys.exit(INTERRUPTED)
    except Exception as error:
        write_error_file(folder, int(os.environ.get("RANK", 0)), error, traceback.format_exc())
        sys.exit(1)


def run_task(task: str, folder: Path, changes: dict[str, Any]) -> None:
    """Train, or evaluate with `changes`, in this process."""
    if task == "train":
        from saibench.runs.training import train_and_test

        train_and_test(folder)
    else:
        from saibench.runs.retest import test_again

        test_again(folder, changes)


def _end_at(end: End) -> None:
    def watch() -> None:
        while not end.is_reached():
            time.sleep(1)
        os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
