"""One rank of a process group, started by torchrun: `worker <task> <point folder> <changes>`."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from saibench.runs.ranks import leave_note


def main(task: str, folder: Path, changes: str) -> None:
    from saibench.runs.training import test_again, train_and_test

    if task == "train":
        train_and_test(folder)
    else:
        test_again(folder, json.loads(changes))


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    except Exception as error:
        leave_note(
            Path(sys.argv[2]), int(os.environ.get("RANK", 0)), error, traceback.format_exc()
        )
        raise
