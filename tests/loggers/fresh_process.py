"""W&B reads its settings once a process, so that each case wants one of its own."""

from __future__ import annotations

import multiprocessing
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saibench.commands import panels
from saibench.loggers.account import Mode, choose_mode

KEY = "0123456789abcdef0123456789abcdef01234567"
"""What looks like the key of an account."""

NO_SERVER = {"WANDB_BASE_URL": "http://127.0.0.1:9"}


def fresh_context() -> Any:
    """Starts processes as copies of one that has imported much and set up nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wandb", __name__, "one_session"])
    return context


@contextmanager
def fresh_processes() -> Iterator[ProcessPoolExecutor]:
    """Each call in a new process whose standard input is closed; what it raises is raised here."""
    with ProcessPoolExecutor(1, mp_context=fresh_context(), max_tasks_per_child=1) as pool:
        yield pool


def mode_under(environment: Mapping[str, str], asked: Mode | None) -> Mode:
    """What `choose_mode` chooses under these `WANDB_*` variables and no others."""
    _set(environment)
    return choose_mode(asked)


def panels_under(environment: Mapping[str, str], study: Path) -> int:
    """`python -m saibench panels <study>` under these `WANDB_*` variables and no others."""
    _set(environment)
    return panels.run(Namespace(folder=study, project=None, entity=None))


def _set(environment: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        del os.environ[name]
    os.environ.update(environment)
