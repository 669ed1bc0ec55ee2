"""Several devices: one process group a point, started by PyTorch's own launcher.

Lightning never starts ranks itself: under a Hydra sweep its children would run the whole sweep
again. torchrun's launcher starts them on the frozen config instead, and a rank that fails leaves a
note.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from saibench.runs.error_files import failure_told, read_error_files
from saibench.runs.stopping import STOP
from saibench.runs.worker import INTERRUPTED, work

if TYPE_CHECKING:
    from torch.distributed.launcher.api import LaunchConfig

PRELOADED = ["lightning", "saibench.config.check"]
"""What takes longest of what every rank imports; none of it starts threads, as polars does."""
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def run_ranks(folder: Path, devices: int, task: str, changes: dict[str, Any] | None = None) -> None:
    """Run `task` of `saibench.runs.worker` on `devices` processes and wait for them.

    Raises:
        UserError: the mistake that a rank reported as the user's.
        RankFailed: a rank failed.
        KeyboardInterrupt: this process was told to end, and has ended the ranks.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    read_error_files(folder)
    _silence_launcher()
    group = _group_of(devices)
    try:
        with _left_as_found(group.start_method):
            elastic_launch(group, work)(task, folder, changes or {}, os.getpid(), dict(os.environ))
    except ChildFailedError as failed:
        _, first = failed.get_first_failure()
        if first.exitcode == INTERRUPTED:
            raise KeyboardInterrupt from None
        raise failure_told(read_error_files(folder), first.exitcode) from None
    except SignalException as stopped:
        STOP.note(stopped.sigval)
        raise KeyboardInterrupt from stopped


def _group_of(devices: int) -> LaunchConfig:
    """One process imports for the ranks of all points, which are copies of it.

    With a GPU to be had every rank imports for itself: CUDA does not work in a copy of a process
    that has looked for it.
    """
    import torch
    from torch.distributed.launcher.api import LaunchConfig

    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=str(uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",  # a node's own name need not resolve
        max_restarts=0,
        start_method="spawn" if torch.cuda.is_available() else "forkserver",
    )


def _silence_launcher() -> None:
    """Without its pages about ranks that were stopped, or failed with a note."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _left_as_found(start_method: str) -> Iterator[None]:
    """PyTorch's launcher takes over signals and sets variables, and gives neither back.

    Processes are also told what to start others by, which must not be joblib's way of a worker of
    its own.
    """
    handlers = {number: signal.getsignal(number) for number in _HANDLED}
    environment, found = dict(os.environ), multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(start_method, force=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        yield
    finally:
        multiprocessing.set_start_method(found, force=True)
        os.environ.clear()
        os.environ.update(environment)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
