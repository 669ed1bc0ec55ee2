"""Messages between the nodes of a run, through a store of PyTorch on node 0.

Node 0 sends numbered messages, which every other node answers. As torchrun's, the store knows no
password: who reaches its port may read and write texts.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saibench.errors import UserError
from saibench.formatting import duration
from saibench.runs.node_beats import SILENCE, watched
from saibench.runs.node_place import NodePlace

if TYPE_CHECKING:
    from torch.distributed import TCPStore

WAIT = 600.0
"""Most seconds to wait for other nodes, which may start late."""
SPOKEN_AFTER = 3.0
"""Seconds of waiting after which it is printed."""
_GOODBYE = 30.0
"""Most seconds that node 0 waits for the others to hear how a run ended, or to say how their
processes ended."""
AGAIN = "The same command on all nodes goes on from the last validation."
_LOOK = 0.1
_NETWORK = timedelta(seconds=60)


class NodeGone(Exception):
    """Another node ended without a word."""


class Meeting:
    """The nodes of one command.

    Args:
        place: of this node.
        store: of node 0.
    """

    def __init__(self, place: NodePlace, store: TCPStore) -> None:
        self.place = place
        self._store = store
        self._number = 0
        self._unanswered = ""
        self.lost = ""
        """On node 0, which other node was lost; empty if none was."""
        self.ranks_end: Path | None = None
        """On node 0, the file at whose appearance its processes end."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Notice within that another node is cut off or stopped.

        On node 0 its processes then end, as if one had been killed. Another node holds nothing that
        has to be written: it says so and ends.
        """
        with watched(self.place, self._store, self._lose):
            yield

    def _lose(self, rank: int) -> None:
        silent = f"not heard from for {duration(SILENCE)}, it was cut off or stopped"
        if self.place.rank:
            print(f"Node 0 was {silent}. {AGAIN}", file=sys.stderr, flush=True)
            sys.stdout.flush()
            os._exit(1)  # the main thread may wait for an answer of node 0 without end
        self._unanswered = self.lost = f"{self._node(rank)} was {silent}. {AGAIN}"
        if self.ranks_end is not None:
            self.ranks_end.touch()

    def ask(self, message: dict[str, Any]) -> list[str]:
        """Send a message of JSON from node 0; return the answers of the others, empty for yes.

        Raises:
            UserError: a node does not answer within `WAIT`, or did not before.
        """
        if self._unanswered:  # else each further run of a sweep would wait
            raise UserError(self._unanswered)
        try:
            return self._answers(message, WAIT)
        except UserError as error:
            self._unanswered = str(error)
            raise

    def asked_soon(self, message: dict[str, Any]) -> list[str] | None:
        """As `ask`, after their processes have ended; None if a node does not answer soon."""
        try:
            return self._answers(message, 0.0 if self._unanswered else _GOODBYE)
        except UserError as error:
            self._unanswered = str(error)
            return None

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message from node 0; a node that does not hear it learns that node 0 is gone."""
        self.asked_soon(message)

    def _answers(self, message: dict[str, Any], seconds: float) -> list[str]:
        self._number += 1
        self._store.set(f"message/{self._number}", json.dumps(message))
        return [
            self._awaited(f"answer/{self._number}/{rank}", rank, seconds)
            for rank in range(1, self.place.count)
        ]

    def hear(self) -> dict[str, Any]:
        """Wait for the next message of node 0, which may take as long as its work.

        Raises:
            NodeGone: node 0 ended.
        """
        key = f"message/{self._number + 1}"
        try:
            while not self._store.check([key]):
                time.sleep(_LOOK)
            message = dict(json.loads(self._store.get(key)))
        except RuntimeError as error:
            raise NodeGone from error
        self._number += 1  # of what was heard: an interrupt leaves the message to be heard
        return message

    def answer(self, text: str = "") -> None:
        """Answer the last message; empty for yes.

        Raises:
            NodeGone: node 0 ended.
        """
        try:
            self._store.set(f"answer/{self._number}/{self.place.rank}", text)
        except RuntimeError as error:
            raise NodeGone from error

    def end(self) -> None:
        """End on all nodes at once: SLURM may end those that work longer than others."""
        if self.place.rank == 0:
            self.tell({"over": True})
            return
        with contextlib.suppress(NodeGone):
            while "over" not in self.hear():
                self.answer()
            self.answer()

    def agree(self, description: list[str]) -> None:
        """Check that all nodes have the same description of what they do.

        Raises:
            UserError: they differ, or a node did not come.
        """
        own = json.dumps(description)
        if self.place.rank:
            taken = self._store.add(f"node/{self.place.rank}/taken", 1) > 1
            if taken:
                raise UserError(
                    f"NODE_RANK={self.place.rank} is another process's. Use another on each node."
                )
            self._store.set(f"node/{self.place.rank}", own)
            try:
                refused = self.hear()["refused"]
                self.answer()
            except NodeGone as gone:
                raise UserError(f"{self._node(0)} ended before the run began.") from gone
        else:
            others = {
                rank: json.loads(self._awaited(f"node/{rank}", rank, WAIT))
                for rank in range(1, self.place.count)
            }
            refused = _difference(description, others)
            self.tell({"refused": refused})
        if refused:
            raise UserError(refused)

    def _awaited(self, key: str, rank: int, seconds: float) -> str:
        """Wait for what another node sets."""
        _wait(lambda: self._store.check([key]), self._node(rank), self.place, seconds)
        return str(self._store.get(key), "utf-8")

    def _node(self, rank: int) -> str:
        return f"node {rank} of {self.place.count}"


def met(place: NodePlace) -> Meeting:
    """Open the store on node 0, or find it from another node.

    Raises:
        UserError: the port of node 0 is in use, or node 0 does not come.
    """
    from torch.distributed import TCPStore

    if place.rank == 0:
        _refuse_used(place)
    else:
        _wait(lambda: _is_open(place), f"node 0 of {place.count}", place, WAIT)
    try:
        store = TCPStore(
            place.address,
            place.port,
            is_master=place.rank == 0,
            wait_for_workers=False,
            timeout=_NETWORK,
        )
    except RuntimeError as error:  # the address of another machine
        raise UserError(
            f"{place.endpoint}, where the nodes of this run meet, cannot be reached from node "
            f"{place.rank}. Use MASTER_ADDR and MASTER_PORT of node 0."
        ) from error
    return Meeting(place, store)


def free_port() -> int:
    """A port of this machine that no process uses."""
    with socket.socket() as bound:
        bound.bind(("", 0))
        return int(bound.getsockname()[1])


def _refuse_used(place: NodePlace) -> None:
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("", place.port))
        except (OSError, OverflowError) as error:
            raise UserError(
                f"MASTER_PORT={place.port} cannot be used on node 0 ({error}). Use another port, "
                "the same on all nodes."
            ) from error


def _is_open(place: NodePlace) -> bool:
    try:
        with socket.create_connection((place.address, place.port), timeout=1):
            return True
    except (OSError, OverflowError):
        return False


def _wait(condition: Callable[[], bool], node: str, place: NodePlace, seconds: float) -> None:
    """Wait for a node; print that, if it takes long.

    Raises:
        UserError: it takes longer than `seconds`.
    """
    start, printed = time.monotonic(), False
    while not condition():
        waited = time.monotonic() - start
        if waited > seconds:
            raise UserError(
                f"trainer.num_nodes={place.count}: {node} did not come to {place.endpoint} within "
                f"{duration(seconds)}. Start the same command on each node."
            )
        if waited > SPOKEN_AFTER and not printed:
            printed = True
            print(f"Waits for {node} at {place.endpoint}, {duration(seconds)} at most.", flush=True)
        time.sleep(_LOOK)


def _difference(own: list[str], others: dict[int, list[str]]) -> str:
    """Why the nodes cannot do one run together; empty if they can."""
    for rank, description in others.items():
        for here, there in zip(own, description, strict=False):
            if here != there:
                return (
                    f"The nodes of a run need the same command: node {rank} has {there}, node 0 "
                    f"has {here}."
                )
        if len(own) != len(description):
            return (
                f"The nodes of a run need the same command: node {rank} has {len(description)} "
                f"runs, node 0 has {len(own)}."
            )
    return ""
