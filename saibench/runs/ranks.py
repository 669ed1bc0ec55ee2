"""Run a point on several devices: one process group, started by PyTorch's launcher (torchrun).

Lightning must not start ranks, since its child processes would repeat a whole Hydra sweep. The
ranks read the frozen config; a failed rank writes an error file.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from saibench.runs.error_files import first_error, read_error_files
from saibench.runs.stopping import STOP
from saibench.runs.worker import INTERRUPTED, End, run_rank

if TYPE_CHECKING:
    from torch.distributed.launcher.api import LaunchConfig

PRELOADED = ["lightning", "saibench.config.check"]
"""The slowest imports of a rank; none of them starts threads, as polars does."""
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class Rendezvous:
    """Where the launchers of several nodes meet.

    Args:
        rank: of this node; node 0 has the first ranks, and so writes the results.
        count: number of nodes.
        endpoint: `host:port` of node 0, free to be used.
        run_id: the same on all nodes.
    """

    rank: int
    count: int
    endpoint: str
    run_id: str

    @property
    def ranks_end(self) -> Path:
        """A file of this node at whose appearance its processes end, wherever they are."""
        return Path(gettempdir()) / f"saibench-ranks-end-{self.run_id}"


def run_ranks(
    folder: Path,
    devices: int,
    task: str,
    changes: dict[str, Any] | None = None,
    rendezvous: Rendezvous | None = None,
) -> None:
    """Run `task` of `saibench.runs.worker` on `devices` processes a node and wait for them.

    Args:
        folder: of the run.
        devices: number of processes on this node.
        task: `train` or `evaluate`.
        changes: of an evaluation.
        rendezvous: with the launchers of other nodes (default: there are none).

    Raises:
        UserError: a rank reported a mistake of the user.
        RankFailed: a rank failed.
        KeyboardInterrupt: this process was interrupted, and has ended the ranks.
    """
    read_error_files(folder)
    status = launch_ranks(folder, devices, task, changes or {}, rendezvous)
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise first_error(read_error_files(folder), status)


def launch_ranks(
    folder: Path, devices: int, task: str, changes: dict[str, Any], rendezvous: Rendezvous | None
) -> int:
    """Run the processes of this node; return the exit code of the first that failed, or 0.

    Args:
        folder, devices, task, changes, rendezvous: as of `run_ranks`.

    Raises:
        KeyboardInterrupt: this process received a signal, and has ended its ranks.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    _silence_launcher()
    _start_resource_tracker()
    group = _group_of(devices, rendezvous)
    try:
        with _restored(group.start_method):
            ends = End(os.getpid(), None if rendezvous is None else rendezvous.ranks_end)
            elastic_launch(group, run_rank)(task, folder, changes, ends, dict(os.environ))
    except ChildFailedError as failed:
        _, first = failed.get_first_failure()
        return int(first.exitcode)
    except SignalException as stopped:
        STOP.note(stopped.sigval)
        raise KeyboardInterrupt from stopped
    return 0


def _group_of(devices: int, rendezvous: Rendezvous | None) -> LaunchConfig:
    """Configure the launcher: one process does the imports, and ranks are forks of it.

    With a GPU each rank imports on its own, since CUDA does not work in a fork of a process that
    has used it.
    """
    import torch
    from torch.distributed.launcher.api import LaunchConfig

    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    alone = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=str(uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",  # a node's name may not resolve
        max_restarts=0,
        start_method="spawn" if torch.cuda.is_available() else "forkserver",
    )
    if rendezvous is None:
        return alone
    return replace(
        alone,
        min_nodes=rendezvous.count,
        max_nodes=rendezvous.count,
        run_id=rendezvous.run_id,
        rdzv_backend="static",  # c10d would number the nodes by their addresses
        rdzv_endpoint=rendezvous.endpoint,
        rdzv_configs={"rank": rendezvous.rank},
        local_addr=None,
    )


def _silence_launcher() -> None:
    """Suppress the launcher's messages; error files report failures."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("torch.distributed.elastic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _start_resource_tracker() -> None:
    """Start Python's tracker of semaphores with SIGUSR1 blocked; it ignores SIGTERM by itself.

    SLURM sends a signal to all processes of a job, and without the tracker the others warn of it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _restored(start_method: str) -> Iterator[None]:
    """Set the start method of processes, which joblib's workers change; restore it at exit.

    Also restore signal handlers and environment variables, which PyTorch's launcher changes.
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
