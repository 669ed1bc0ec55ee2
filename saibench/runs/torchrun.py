"""PyTorch's launcher, without its pages about ranks that were stopped or failed with a note.

`python -m saibench.runs.torchrun <devices> <task> <point folder> <changes> <who asked for it>`
"""

from __future__ import annotations

import json
import logging
import sys
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

from saibench.runs.worker import work

PRELOADED = ["lightning", "saibench.config.check"]
"""What takes longest of what every rank imports; none of it starts threads, as polars does."""


def main() -> None:
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    devices, task, folder, changes, parent = sys.argv[1:]
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # one process imports for all ranks, which are copies of it, unless a GPU is to be had: CUDA
    # does not work in a copy of a process that has looked for it
    get_context("forkserver").set_forkserver_preload(PRELOADED)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=int(devices),
        run_id=str(uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="spawn" if torch.cuda.is_available() else "forkserver",
    )
    try:
        elastic_launch(config, work)(task, Path(folder), json.loads(changes), int(parent))
    except ChildFailedError:
        sys.exit(1)
    except SignalException as stopped:
        sys.exit(128 + stopped.sigval)


if __name__ == "__main__":
    main()
