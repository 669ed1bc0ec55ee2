"""Fresh processes for W&B, which reads its settings once per process."""

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
"""Has the format of an API key."""

NO_SERVER = {"WANDB_BASE_URL": "http://127.0.0.1:9"}


def fresh_context() -> Any:
    """A context whose processes are forks of one that has imported W&B but not set it up."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wandb", __name__])
    return context


@contextmanager
def fresh_processes() -> Iterator[ProcessPoolExecutor]:
    """Run each call in a new process without standard input; exceptions are raised here."""
    with ProcessPoolExecutor(1, mp_context=fresh_context(), max_tasks_per_child=1) as pool:
        yield pool


def mode_under(environment: Mapping[str, str], requested: Mode | None) -> Mode:
    """Return `choose_mode` with only these `WANDB_*` variables set."""
    _set(environment)
    return choose_mode(requested)


def panels_under(environment: Mapping[str, str], study: Path) -> int:
    """Call `python -m saibench panels <study>` with only these `WANDB_*` variables set."""
    _set(environment)
    return panels.run(Namespace(folder=study, project=None, entity=None))


def _set(environment: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        del os.environ[name]
    os.environ.update(environment)
