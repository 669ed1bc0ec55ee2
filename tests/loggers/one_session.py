"""One training session of a run as its logger sees it, in a separate process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from omegaconf import OmegaConf
from wandb_file import num_steps_on_disk

from saibench.loggers import wandb as logging
from saibench.loggers.build import build_logger, finish

CONF = Path(__file__).parents[2] / "conf" / "logger"


class Session:
    """Log steps `first` to `last`, then wait to be ended or killed.

    Args:
        folder: of the run.
        first, last: steps.
        environment: additional variables.
    """

    def __init__(self, folder: Path, first: int, last: int, **environment: str) -> None:
        context = multiprocessing.get_context("spawn")  # not of a server that other tests use
        self.folder, self.num_steps = folder, last - first
        self.stderr = folder / f"stderr-{first}.txt"
        self.logged, self.may_end = context.Event(), context.Event()
        self.process: BaseProcess = context.Process(
            target=_logs,
            args=(folder, range(first, last), environment, self.stderr, self.logged, self.may_end),
        )
        self.process.start()
        end = time.monotonic() + 300
        while not self.logged.wait(1):
            if not self.process.is_alive() or time.monotonic() > end:
                raise AssertionError(f"logged nothing: {self.stderr.read_text()}")

    def kill(self) -> None:
        """Send SIGKILL once the steps are on disk."""
        end = time.monotonic() + 120
        while num_steps_on_disk(self.folder) < self.num_steps:
            assert time.monotonic() < end, "the steps are not written"
            time.sleep(0.1)
        os.kill(self.process.pid or 0, signal.SIGKILL)
        self.process.join()

    def end(self) -> tuple[int | None, str]:
        """Log one more step and end; return the exit code and standard error."""
        self.may_end.set()
        self.process.join(300)
        return self.process.exitcode, self.stderr.read_text()


def _logs(
    folder: Path,
    steps: range,
    environment: Mapping[str, str],
    stderr: Path,
    logged: Event,
    may_end: Event,
) -> None:
    os.environ.update(environment)
    logging.FINISH_TIMEOUT = 2.0
    sys.stderr = stderr.open("w", buffering=1)  # left open: an exception is printed to it
    logger = build_logger(OmegaConf.load(CONF / "wandb.yaml"), folder, "train")
    assert logger is not None
    for step in steps:
        logger.log_metrics({"train/loss": 1 / (1 + step)}, step=step)
    logged.set()
    may_end.wait(300)
    logger.log_metrics({"train/loss": 0.0}, step=steps.stop)
    finish(logger)
