"""One rank of a process group, started by torchrun.

`python -m saibench.runs.worker <task> <point folder> <changes> <process that asked for it>`
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from saibench.runs.ranks import leave_note

ORPHANED = 3


def main(task: str, folder: Path, changes: str) -> None:
    if task == "train":
        from saibench.runs.training import train_and_test

        train_and_test(folder)
    else:
        from saibench.runs.retest import test_again

        test_again(folder, json.loads(changes))


def end_with(process: int) -> None:
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


if __name__ == "__main__":
    task, folder, changes, parent = sys.argv[1:]
    end_with(int(parent))
    try:
        main(task, Path(folder), changes)
    except Exception as error:
        rank = int(os.environ.get("RANK", 0))
        leave_note(Path(folder), rank, error, traceback.format_exc())
        sys.exit(1)
