"""One rank of a process group, as PyTorch's launcher starts it."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from saibench.runs.error_files import write_error_file
from saibench.runs.stopping import STOP

ORPHANED = 3
INTERRUPTED = 130
_GIVEN_BY_LAUNCHER = re.compile(
    r"(LOCAL_|GROUP_|ROLE_)?(RANK|WORLD_SIZE)|ROLE_NAME|MASTER_(ADDR|PORT)|TORCHELASTIC_.*"
)


def work(
    task: str, folder: Path, changes: dict[str, Any], parent: int, environment: dict[str, str]
) -> None:
    """Do a rank's part of a task, or leave a note of what went wrong and end the process.

    Args:
        task: `train` or `evaluate`.
        folder: the point's.
        changes: of an evaluation.
        parent: the process that asked for it, without which this one ends.
        environment: that process's; a rank that is a copy of another has that one's.
    """
    _take_over(environment)
    _end_with(parent)
    try:
        with STOP.heard():
            _do(task, folder, changes)
    except (KeyboardInterrupt, SystemExit):  # Lightning makes the one of the other
        sys.exit(INTERRUPTED)
    except Exception as error:
        write_error_file(folder, int(os.environ.get("RANK", 0)), error, traceback.format_exc())
        sys.exit(1)


def _take_over(environment: dict[str, str]) -> None:
    own = {name: os.environ[name] for name in os.environ if _GIVEN_BY_LAUNCHER.fullmatch(name)}
    os.environ.clear()
    os.environ.update(environment | own)


def _do(task: str, folder: Path, changes: dict[str, Any]) -> None:
    if task == "train":
        from saibench.runs.training import train_and_test

        train_and_test(folder)
    else:
        from saibench.runs.retest import test_again

        test_again(folder, changes)


def _end_with(process: int) -> None:
    """End this rank when that process is gone: it held the point's lock, which is now open."""

    def watch() -> None:
        while _exists(process):
            time.sleep(1)
        os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
