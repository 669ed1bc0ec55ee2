"""Handle Ctrl-C, a batch system's SIGTERM and a closed terminal.

A training ends after its current step, with a checkpoint; anything else ends at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
"""SLURM sends the last one where a job asks for it: `--signal=USR1@120`."""
TIME_IS_UP = signal.SIGUSR2
"""Sent by SLURM before a job's time ends, as submitit asks."""
MAX_STEP_SECONDS = 20.0
"""Most time to finish a step; batch systems kill 30 s after SIGTERM."""


class StopRequest:
    """The signal that this process received, and its handlers."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._defers = False
        self._idle = False
        self._in_pool = False
        self._starts_again = False
        self._process: int | None = None
        self._timer: threading.Timer | None = None
        self._timed_out = False
        self._received_at = 0.0

    @property
    def requested(self) -> bool:
        """Whether this process received a signal to stop."""
        return self.number is not None

    @property
    def listens(self) -> bool:
        """Whether this process handles signals and is no worker of a pool."""
        return self._process == os.getpid() and not self._in_pool

    def note(self, number: int) -> None:
        """Remember a signal that another handler received."""
        self.number = self.number or number

    def listen(self) -> dict[int, Any]:
        """Install the handlers, and return the previous ones.

        Ignored signals stay so, and a handler of SIGUSR1, which submitit may have.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        self.number, self._timed_out, self._process = None, False, os.getpid()
        before: dict[int, Any] = {int(number): signal.getsignal(number) for number in SIGNALS}
        before = {number: one for number, one in before.items() if one != signal.SIG_IGN}
        if before.get(signal.SIGUSR1) not in (None, signal.SIG_DFL, self._receive):
            del before[signal.SIGUSR1]
        for number in before:
            signal.signal(number, self._receive)
        return before

    def retake(self) -> None:
        """Reinstall the handlers if this process has installed them before."""
        if self._process == os.getpid():
            number = self.number
            self.listen()
            self.number = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Raise KeyboardInterrupt at a signal, unless within `deferred`."""
        before = self.listen()
        self._in_pool = self._idle = False
        try:
            yield
        finally:
            self._process = None
            self._cancel_timer()
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def listening_in_worker(self) -> Iterator[None]:
        """In a task of a pool's worker, as `listening`; between tasks remember the signal."""
        if self._process != os.getpid():
            self.listen()
            self._give_way()
        self._in_pool, self._idle = True, False
        try:
            yield
        finally:
            self._idle = True

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Remember a signal; raise at the end, or after MAX_STEP_SECONDS."""
        before, self._defers = self._defers, True
        try:
            yield
        finally:
            self._defers = before
            self._cancel_timer()
        if self.requested:
            raise KeyboardInterrupt

    def _give_way(self) -> None:
        """Ignore SIGTERM where submitit has this job started again: SLURM sends it to the old one.

        A result written at SIGTERM would be the job's, for who waits for it.
        """
        start_again = signal.getsignal(TIME_IS_UP)
        if not callable(start_again):
            return

        def handle(number: int, frame: FrameType | None) -> None:
            self._starts_again = True
            try:
                start_again(number, frame)  # ends the process
            except Exception:
                self._starts_again = False
                raise

        signal.signal(TIME_IS_UP, handle)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._starts_again:
            return
        # a terminal's Ctrl-C reaches the ranks twice: directly and from their parent
        pressed_again = number == signal.SIGINT and time.monotonic() > self._received_at + 1
        if self.number is None:
            self.number, self._received_at, pressed_again = number, time.monotonic(), False
        if self._idle:
            return
        defers = _terminate_workers() or self._defers
        if self._timed_out or pressed_again or not defers:
            raise KeyboardInterrupt
        if self._timer is None:
            self._timer = threading.Timer(MAX_STEP_SECONDS, self._time_out)
            self._timer.daemon = True
            self._timer.start()

    def _time_out(self) -> None:
        self._timed_out = True
        signal.pthread_kill(threading.main_thread().ident or 0, self.number or signal.SIGINT)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _terminate_workers() -> bool:
    """Terminate joblib's workers, which would train on; return whether there are any."""
    workers = [
        child
        for child in multiprocessing.active_children()
        if type(child).__module__.startswith("joblib.")
    ]
    for worker in workers:
        worker.terminate()
    return bool(workers)


STOP = StopRequest()
"""The stop request of this process."""
