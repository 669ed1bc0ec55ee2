"""Commands of saibench, each in a fork of this process, which has imported what they import.

A fork writes, locks and dies as a new process does, and starts in milliseconds.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.fault_parts.cases import Outcome

REPOSITORY = Path(__file__).parents[2]
Prepare = Callable[[], None]
SENT = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
"""Signals of the campaign; a process that ends by another one has crashed."""


@dataclass(frozen=True)
class Command:
    """A command line: `train …` of `train.py`, or a subcommand of `python -m saibench`."""

    arguments: tuple[str, ...]

    def run(self) -> NoReturn:
        from saibench import cli

        first, *rest = self.arguments
        if first == "train":
            sys.argv = [str(REPOSITORY / "train.py"), *rest]
            cli.train()
        else:
            sys.argv = [str(REPOSITORY / "saibench" / "__main__.py"), *self.arguments]
            cli.main()
        raise AssertionError("an entry point ends by sys.exit")


@dataclass(frozen=True)
class Ended:
    """status: exit code, negative for a signal; None for a command that did not end in time."""

    status: int | None
    output: str
    seconds: float

    @property
    def fault(self) -> Outcome | None:
        """Whether it hung or ended in a traceback, whatever it was to do."""
        if self.status is None:
            return Outcome.HANG
        if self.status < 0 and -self.status not in SENT:
            return Outcome.DIED
        if "Traceback (most recent call last)" in self.output:
            return Outcome.TRACEBACK
        return None


class Running:
    """A command in a session of its own, so that it can be killed with its children.

    Args:
        command: to run.
        folder: in which it runs.
        log: file of its output.
        prepare: called in the new process before the command.
    """

    def __init__(
        self, command: Command, folder: Path, log: Path, prepare: Prepare | None = None
    ) -> None:
        self._log, self._started = log, time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _run(command, folder, log, prepare)

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float) -> Ended:
        """Wait for its end, and kill it after these seconds."""
        limit = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code: int | None = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() > limit:
                self._kill()
                code = None
                break
            time.sleep(0.01)
        output = self._log.read_text(encoding="utf-8", errors="replace")
        return Ended(code, output, time.monotonic() - self._started)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _run(command: Command, folder: Path, log: Path, prepare: Prepare | None) -> NoReturn:
    """In the forked process."""
    code: Any = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.chdir(folder)
        if prepare is not None:
            prepare()
        command.run()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else 70)


def forked(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns in a fork: libraries that start threads stay out of this process."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            answer = pickle.dumps(function(*arguments))
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(answer)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"{function.__name__} failed")
    return pickle.loads(answer)  # noqa: S301  # of this program


def import_as(commands: Sequence[Command], folder: Path, log: Path) -> None:
    """Run the commands, and import here every module that they imported."""
    for number, command in enumerate(commands):
        listed = log.with_name(f"modules-{number}")

        def listing(listed: Path = listed) -> None:
            leave = os._exit

            def left(code: int) -> NoReturn:
                listed.write_text("\n".join(sys.modules), encoding="utf-8")
                leave(code)

            os._exit = left  # type: ignore[assignment]

        ended = Running(command, folder, log, listing).wait(3600)
        if ended.status != 0:
            raise RuntimeError(f"{command.arguments} failed undisturbed:\n{ended.output}")
        for name in listed.read_text(encoding="utf-8").splitlines():
            if name in sys.modules:
                continue
            with suppress(ImportError):  # extensions are listed under names of their own
                importlib.import_module(name)
