"""One training session of a run as its logger sees it, in a separate process.

The processes are forks of one that has imported the logger, which takes longer than all else.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb.sdk.launch  # noqa: F401 - each run imports it
from omegaconf import OmegaConf
from wandb.sdk.data_types._private import MEDIA_TMP
from wandb_file import num_steps_on_disk

from saibench.evidence.run_record import read_metrics
from saibench.loggers import wandb as logging
from saibench.loggers.build import build_logger, finish, log_results

CONF = Path(__file__).parents[2] / "conf" / "logger"
TIMEOUT = 300


class Session:
    """Log steps `first` to `last`, then wait to be ended or killed.

    Args:
        sessions: of `started_sessions`; one at a time.
        folder: of the run.
        first, last: steps.
        results: whether the run is tested at the end.
        environment: additional variables.
    """

    def __init__(
        self,
        sessions: subprocess.Popen[str],
        folder: Path,
        first: int,
        last: int,
        results: bool = False,
        **environment: str,
    ) -> None:
        self.folder, self.num_steps = folder, last - first
        self.stderr = folder / f"stderr-{first}.txt"
        self._sessions = sessions
        steps = {"first": first, "last": last, "results": results}
        self._send({"folder": str(folder), "environment": environment, **steps})
        started = self._received()
        if "logged" not in started:
            raise AssertionError(f"logged nothing: {started}, {self.stderr.read_text()}")
        self._process = started["logged"]

    def kill(self) -> None:
        """Send SIGKILL once the steps are on disk."""
        end = time.monotonic() + TIMEOUT
        while num_steps_on_disk(self.folder) < self.num_steps:
            assert time.monotonic() < end, "the steps are not written"
            time.sleep(0.1)
        os.kill(self._process, signal.SIGKILL)
        assert self._received() == {"status": -signal.SIGKILL}

    def end(self) -> tuple[int | None, str]:
        """Log one more step and end; return the exit code and standard error."""
        self._send({})
        return self._received()["status"], self.stderr.read_text()

    def _send(self, request: dict[str, Any]) -> None:
        assert self._sessions.stdin is not None
        self._sessions.stdin.write(json.dumps(request) + "\n")
        self._sessions.stdin.flush()

    def _received(self) -> dict[str, Any]:
        assert self._sessions.stdout is not None
        return json.loads(self._sessions.stdout.readline())


@contextmanager
def started_sessions() -> Iterator[subprocess.Popen[str]]:
    """A process whose forks are sessions."""
    command = [sys.executable, "-u", __file__]
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _fork_sessions() -> None:
    """Fork a session for each line of standard input, and print its exit code."""
    while request := sys.stdin.readline():
        process = os.fork()
        if process == 0:
            signal.alarm(TIMEOUT)  # a session that hangs is ended
            _log(**json.loads(request))
            return  # as a program ends, with what is done at exit
        _, status = os.waitpid(process, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}))


def _log(folder: str, first: int, last: int, results: bool, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    logging.INIT_TIMEOUT = float(os.environ.get("INIT_TIMEOUT", logging.INIT_TIMEOUT))
    logging.FINISH_TIMEOUT = 2.0
    Path(MEDIA_TMP.name).mkdir(exist_ok=True)  # an earlier fork removed it when it ended
    point = Path(folder)
    stderr = (point / f"stderr-{first}.txt").open("w", buffering=1)
    os.dup2(stderr.fileno(), 2)  # for W&B's own process, too
    logger = build_logger(OmegaConf.load(CONF / "wandb.yaml"), point, "train")
    assert logger is not None
    for step in range(first, last):
        logger.log_metrics({"train/loss": 1 / (1 + step)}, step=step)
    print(json.dumps({"logged": os.getpid()}))
    sys.stdin.readline()
    logger.log_metrics({"train/loss": 0.0}, step=last)
    if results:
        log_results(logger, point, read_metrics(point))
    finish(logger)


if __name__ == "__main__":
    _fork_sessions()
