"""Being told to stop, by Ctrl-C, a batch system's SIGTERM or a closed terminal.

What trains ends after the step that it is in, with a checkpoint; all else ends at once.
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

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PATIENCE = 20.0
"""Seconds that a step may take to its end; batch systems kill 30 s after they say so."""


class StopRequest:
    """What this process was told, and what it does when it is told."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._waits = False
        self._idle = False
        self._in_pool = False
        self._process: int | None = None
        self._patience: threading.Timer | None = None
        self._is_over = False
        self._told_at = 0.0

    @property
    def is_made(self) -> bool:
        """Whether this process was told to stop."""
        return self.number is not None

    @property
    def is_heard(self) -> bool:
        """Whether this process, and no pool's worker, listens for signals."""
        return self._process == os.getpid() and not self._in_pool

    def note(self, number: int) -> None:
        """Remember a signal that another handler was given."""
        self.number = self.number or number

    def listen(self) -> dict[int, Any]:
        """Put the handlers in place, where signals are not ignored; those that were there."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        self.number, self._is_over, self._process = None, False, os.getpid()
        there = {int(number): signal.getsignal(number) for number in SIGNALS}
        heard: dict[int, Any] = {
            number: one for number, one in there.items() if one != signal.SIG_IGN
        }
        for number in heard:
            signal.signal(number, self._told)
        return heard

    def retake(self) -> None:
        """Put the handlers back in place of others', if they were in place in this process."""
        if self._process == os.getpid():
            told = self.number
            self.listen()
            self.number = told

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within, a signal raises KeyboardInterrupt; whoever is in `awaited` is given time."""
        before = self.listen()
        self._in_pool = self._idle = False
        try:
            yield
        finally:
            self._process = None
            self._calm()
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def heard_in_worker(self) -> Iterator[None]:
        """Within a task of a pool's worker as `heard`; between tasks the signal is remembered."""
        if self._process != os.getpid():
            self.listen()
        self._in_pool, self._idle = True, False
        try:
            yield
        finally:
            self._idle = True

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Within, a signal is remembered, and raises at the end, or when PATIENCE is at one."""
        before, self._waits = self._waits, True
        try:
            yield
        finally:
            self._waits = before
            self._calm()
        if self.is_made:
            raise KeyboardInterrupt

    def _told(self, number: int, frame: FrameType | None) -> None:
        # a terminal's Ctrl-C reaches the ranks twice: from it and from their parent
        pressed_again = number == signal.SIGINT and time.monotonic() > self._told_at + 1
        if self.number is None:
            self.number, self._told_at, pressed_again = number, time.monotonic(), False
        if self._idle:
            return
        waits = _passed_on() or self._waits
        if self._is_over or pressed_again or not waits:
            raise KeyboardInterrupt
        if self._patience is None:
            self._patience = threading.Timer(PATIENCE, self._end_of_patience)
            self._patience.daemon = True
            self._patience.start()

    def _end_of_patience(self) -> None:
        self._is_over = True
        signal.pthread_kill(threading.main_thread().ident or 0, self.number or signal.SIGINT)

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _passed_on() -> bool:
    """Tell joblib's workers, which would train on; whether there are any."""
    workers = [
        child
        for child in multiprocessing.active_children()
        if type(child).__module__.startswith("joblib.")
    ]
    for worker in workers:
        worker.terminate()
    return bool(workers)


STOP = StopRequest()
"""That of this process."""
