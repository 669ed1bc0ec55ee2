"""A run on several nodes, on each of which the same command was started.

Node 0 decides: it holds the lock, writes the record and says when ranks start. The other nodes wait
for it, start their ranks when it does, and end as it says.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from saibench.errors import UserError
from saibench.evidence.run_record import FAILED, STOPPED
from saibench.files.integrity import sha256
from saibench.runs.error_files import cause_of
from saibench.runs.node_meeting import Meeting, NodeGone, free_port, met
from saibench.runs.node_place import place_of
from saibench.runs.outcome import Outcome
from saibench.runs.point import CONFIG, Point
from saibench.runs.ranks import Rendezvous, launch_ranks, run_ranks

SEEN_WITHIN = 60.0
"""Seconds within which a file of node 0 appears on the others, of a file system that they share."""
_MEETINGS: list[Meeting] = []
"""That of this process's command, if there is one."""


@contextmanager
def joined(num_nodes: int, points: Sequence[Point]) -> Iterator[int]:
    """Meet the other nodes for a command; yields the number of this one, from 0.

    Raises:
        UserError: it is not known which node this is, another does not come, or it has another
            command.
    """
    meeting = met(place_of(num_nodes, os.environ))
    meeting.agree(_description(points))
    _MEETINGS.append(meeting)
    try:
        yield meeting.place.rank
        meeting.end()
    finally:
        _MEETINGS.remove(meeting)


def on_nodes(num_nodes: int, point: Point, work: Callable[[], Outcome]) -> Outcome:
    """Do the work on node 0, and what it needs on the others; return the same outcome on all.

    Args:
        num_nodes: of the point.
        point: the same on all nodes.
        work: of node 0.
    """
    if not _MEETINGS:  # a job of a launcher
        try:
            with joined(num_nodes, [point]):
                return on_nodes(num_nodes, point, work)
        except UserError as error:
            return Outcome(point.folder, FAILED, str(error), is_users=True)
    meeting = _MEETINGS[-1]
    if meeting.place.rank:
        return _followed(meeting, point)
    try:
        outcome = work()
    except BaseException:
        meeting.tell({"interrupted": True})
        raise
    meeting.tell({"ended": {**asdict(outcome), "folder": ""}})
    return outcome


def run_on_nodes(folder: Path, devices: int, task: str, changes: dict[str, Any]) -> None:
    """On node 0: run `task` on `devices` processes of every node, as `run_ranks`."""
    meeting = _MEETINGS[-1]
    for answer in meeting.ask({"config": sha256(folder / CONFIG)}):
        if answer:
            raise UserError(answer)
    run_id, port = uuid4().hex, free_port()
    meeting.ask({"task": task, "changes": changes, "run_id": run_id, "port": port})
    run_ranks(folder, devices, task, changes, _rendezvous(meeting, port, run_id))


def _followed(meeting: Meeting, point: Point) -> Outcome:
    """Do on another node what node 0 says, until the run has ended there."""
    while True:
        try:
            message = meeting.hear()
            if "config" in message:
                meeting.answer(_unseen(point.folder, message["config"], meeting.place.rank))
                continue
            meeting.answer()
        except NodeGone:
            gone = "node 0 ended without a word. The same command goes on with it."
            return Outcome(point.folder, STOPPED, gone)
        if "interrupted" in message:
            raise KeyboardInterrupt
        if "ended" in message:
            return Outcome(**{**message["ended"], "folder": point.folder})
        try:
            launch_ranks(
                point.folder,
                point.settings["trainer"]["devices"],
                message["task"],
                message["changes"],
                _rendezvous(meeting, message["port"], message["run_id"]),
            )
        except Exception as error:  # of the rendezvous: the run fails on node 0, too
            print(f"Node {meeting.place.rank}: {cause_of(error)}", file=sys.stderr)


def _rendezvous(meeting: Meeting, port: int, run_id: str) -> Rendezvous:
    place = meeting.place
    return Rendezvous(place.rank, place.count, f"{place.address}:{port}", run_id)


def _unseen(folder: Path, expected: str, rank: int) -> str:
    """Why this node does not see the run of node 0; empty if it does."""
    path, end = folder / CONFIG, time.monotonic() + SEEN_WITHIN
    while not (path.is_file() and sha256(path) == expected):
        if time.monotonic() > end:
            return (
                f"{path} of node 0 is not seen on node {rank}. Use a folder for the study on a "
                "file system that all nodes share: hydra.run.dir, with -m hydra.sweep.dir."
            )
        time.sleep(0.5)
    return ""


def _description(points: Sequence[Point]) -> list[str]:
    """What all nodes of a command have to agree on."""
    devices = {str(point.settings["trainer"]["devices"]) for point in points}
    return [
        f"saibench {version('saibench')}",
        f"trainer.devices={','.join(sorted(devices))}",
        *(f"the run {point.folder}" for point in points),
    ]
