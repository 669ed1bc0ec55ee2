"""One session of a point's training as its logger sees it, in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from fresh_process import fresh_context
from omegaconf import OmegaConf
from wandb_file import num_steps_on_disk

from saibench.loggers import wandb as logging
from saibench.loggers.build import LogContext, build_logger, finish

CONF = Path(__file__).parents[2] / "conf" / "logger"


class Session:
    """Logs steps `first` to `last`, then waits, and ends or is killed.

    Args:
        folder: the point's.
        first, last: the steps.
        environment: more variables.
    """

    def __init__(self, folder: Path, first: int, last: int, **environment: str) -> None:
        context = fresh_context()
        self.folder, self.num_steps = folder, last - first
        self.said = folder / f"said-{first}.txt"
        self.logged, self.may_end = context.Event(), context.Event()
        self.process: BaseProcess = context.Process(
            target=_logs,
            args=(folder, range(first, last), environment, self.said, self.logged, self.may_end),
        )
        self.process.start()
        if not self.logged.wait(300):
            raise AssertionError(f"logged nothing: {self.said.read_text()}")

    def killed(self) -> None:
        """Once the steps are on disk, by a signal that nothing hears."""
        end = time.monotonic() + 120
        while num_steps_on_disk(self.folder) < self.num_steps:
            assert time.monotonic() < end, "the steps are not written"
            time.sleep(0.1)
        os.kill(self.process.pid or 0, signal.SIGKILL)
        self.process.join()

    def ended(self) -> tuple[int | None, str]:
        """Log one step more, and end: its status and what it said."""
        self.may_end.set()
        self.process.join(300)
        return self.process.exitcode, self.said.read_text()


def _logs(
    folder: Path,
    steps: range,
    environment: Mapping[str, str],
    said: Path,
    logged: Event,
    may_end: Event,
) -> None:
    os.environ.update(environment)
    logging.FINISH = 2.0
    with said.open("w", buffering=1) as sys.stderr:
        logger = build_logger(OmegaConf.load(CONF / "wandb.yaml"), LogContext(folder, "train"))
        assert logger is not None
        for step in steps:
            logger.log_metrics({"train/loss": 1 / (1 + step)}, step=step)
        logged.set()
        may_end.wait(300)
        logger.log_metrics({"train/loss": 0.0}, step=steps.stop)
        finish(logger)
