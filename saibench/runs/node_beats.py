"""Notices that a node of a run was cut off or stopped, which closes no connection.

PyTorch's collectives wait 30 minutes for a process that does not answer, since it may be busy. The
command on each node, of which those processes are children, has little to do: it shows every few
seconds that it is there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from saibench.runs.node_place import NodePlace

if TYPE_CHECKING:
    from torch.distributed import TCPStore

BEAT = 5.0
"""Seconds between two signs of a node."""
SILENCE = 100.0
"""Seconds without a sign after which a node is lost."""


class Silence:
    """How long nodes have been silent while this process was running.

    Args:
        now: seconds, as of every later look.
    """

    def __init__(self, now: float) -> None:
        self._now = now
        self._signs: dict[int, int] = {}
        self._seconds: dict[int, float] = {}

    def look(self, signs: Mapping[int, int], now: float) -> int | None:
        """The rank of a node that is lost; None if there is none.

        Args:
            signs: number of signs of each node until now.
            now: seconds. If they are many more than `BEAT` after the last look, this process was
                stopped itself, perhaps as all of them by SLURM, and knows of no silence.
        """
        passed, self._now = min(now - self._now, 2 * BEAT), now
        for rank, count in signs.items():
            silent = self._signs.get(rank) == count
            self._seconds[rank] = self._seconds[rank] + passed if silent else 0.0
            self._signs[rank] = count
        return next((rank for rank, seconds in self._seconds.items() if seconds > SILENCE), None)


@contextmanager
def watched(place: NodePlace, store: TCPStore, lost: Callable[[int], None]) -> Iterator[None]:
    """Show the other nodes that this one is there, and watch them, from threads of their own.

    Node 0 watches all others, and each of these watches node 0.

    Args:
        place: of this node.
        store: of node 0.
        lost: is called once with the rank of a node that is lost.
    """
    ended = threading.Event()
    answered = 0

    def show() -> None:
        nonlocal answered
        while not ended.is_set():
            try:
                store.add(_key(place.rank), 1)  # waits without end for a node that was cut off
            except RuntimeError:  # node 0 ended
                return
            answered += 1
            ended.wait(BEAT)

    def signs() -> dict[int, int]:
        if place.rank:
            return {0: answered}
        return {rank: store.add(_key(rank), 0) for rank in range(1, place.count)}

    def watch() -> None:
        silence = Silence(time.monotonic())
        while not ended.wait(BEAT):
            if (rank := silence.look(signs(), time.monotonic())) is not None:
                lost(rank)
                return

    tasks = (show, watch) if place.rank else (watch,)
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=1)  # one may wait for a node that was cut off


def _key(rank: int) -> str:
    return f"beat/{rank}"
