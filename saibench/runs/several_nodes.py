"""A run on several nodes, on each of which the same command was started.

Node 0 decides: it holds the lock, writes the record and says when ranks start. The other nodes wait
for it, start their ranks when it does, and end as it says.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from saibench.errors import UserError
from saibench.evidence.run_record import FAILED, STOPPED
from saibench.files.integrity import sha256
from saibench.runs.error_files import RankFailed, cause_of
from saibench.runs.node_meeting import AGAIN, Meeting, NodeGone, free_port, met
from saibench.runs.node_place import num_nodes_of, place_of
from saibench.runs.outcome import Outcome
from saibench.runs.point import CONFIG
from saibench.runs.ranks import Rendezvous, launch_ranks, run_ranks

SEEN_WITHIN = 60.0
"""Seconds within which a file of node 0 appears on the others, of a file system that they share."""
_MEETINGS: list[Meeting] = []
"""That of this process's command, if there is one."""


@contextmanager
def joined(
    num_nodes: int, trainers: Iterable[Mapping[str, Any]], work: Iterable[str]
) -> Iterator[bool]:
    """Meet the other nodes for a command; yields whether this one writes what it finds.

    Args:
        num_nodes: of the command, with which nodes have nothing to meet for if it is 1.
        trainers: the settings `trainer` of its runs.
        work: what the command does, the same on all nodes.

    Raises:
        UserError: it is not known which node this is, another does not come, or it has another
            command.
    """
    if num_nodes == 1:
        yield True
        return
    meeting = met(place_of(num_nodes, os.environ))
    devices = {str(trainer["devices"]) for trainer in trainers}
    settings = f"trainer.devices={','.join(sorted(devices))}"
    meeting.agree([f"saibench {version('saibench')}", settings, *work])
    _MEETINGS.append(meeting)
    try:
        with meeting.watched():
            yield meeting.place.rank == 0
            meeting.end()
    finally:
        _MEETINGS.remove(meeting)


def on_nodes(trainer: Mapping[str, Any], folder: Path, work: Callable[[], Outcome]) -> Outcome:
    """Do the work on node 0, and what it needs on the others; return the same outcome on all.

    Args:
        trainer: the settings `trainer` of a run; with one node, the work is done here.
        folder: of the run, the same on all nodes.
        work: of node 0.
    """
    num_nodes = num_nodes_of(trainer)
    if num_nodes == 1:
        return work()
    if not _MEETINGS:  # a job of a launcher
        try:
            with joined(num_nodes, [trainer], [the_run(folder)]):
                return on_nodes(trainer, folder, work)
        except UserError as error:
            return Outcome(folder, FAILED, str(error), is_users=True)
    meeting = _MEETINGS[-1]
    if meeting.place.rank:
        return _followed(meeting, folder, trainer["devices"])
    try:
        outcome = work()
    except BaseException:
        meeting.tell({"interrupted": True})
        raise
    meeting.tell({"ended": {**asdict(outcome), "folder": ""}})
    return outcome


def writes_here() -> bool:
    """Whether this node writes what the command finds."""
    return not _MEETINGS or _MEETINGS[-1].place.rank == 0


def the_run(folder: Path) -> str:
    """The work of a command for one run, for `joined`."""
    return f"the run {folder}"


def run_on_nodes(folder: Path, devices: int, task: str, changes: dict[str, Any]) -> None:
    """On node 0: run `task` on `devices` processes of every node, as `run_ranks`."""
    meeting = _MEETINGS[-1]
    for answer in meeting.ask({"config": sha256(folder / CONFIG)}):
        if answer:
            raise UserError(answer)
    run_id, port = uuid4().hex, free_port()
    rendezvous = _rendezvous(meeting, port, run_id)
    meeting.ranks_end = rendezvous.ranks_end
    try:
        meeting.ask({"task": task, "changes": changes, "run_id": run_id, "port": port})
        run_ranks(folder, devices, task, changes, rendezvous)
    except RankFailed as error:
        answers = meeting.asked_soon({"killed": True})
        if cause := meeting.lost or _lost_elsewhere(answers):
            raise RankFailed(cause, error.details or str(error)) from error
        raise
    finally:
        meeting.ranks_end = None  # a node that is lost from here on has no processes to end
        rendezvous.ranks_end.unlink(missing_ok=True)


def _lost_elsewhere(answers: list[str] | None) -> str:
    """Why the processes here lost their connection to those of other nodes; empty if they did not.

    Args:
        answers: of the other nodes; None if one does not answer.
    """
    if answers is None:
        return f"another node was killed or cut off: it does not answer. {AGAIN}"
    return next((answer for answer in answers if answer), "")


def _followed(meeting: Meeting, folder: Path, devices: int) -> Outcome:
    """Do on another node what node 0 says, until the run has ended there."""
    status = 0
    while True:
        try:
            message = meeting.hear()
            if "config" in message:
                meeting.answer(_unseen(folder, message["config"], meeting.place.rank))
                continue
            if "killed" in message:
                meeting.answer(_killed(status, meeting.place.rank))
                continue
            meeting.answer()
        except NodeGone:
            return Outcome(folder, STOPPED, f"Node 0 was killed or cut off. {AGAIN}")
        if "interrupted" in message:
            raise KeyboardInterrupt
        if "ended" in message:
            return Outcome(**{**message["ended"], "folder": folder})
        try:
            status = launch_ranks(
                folder,
                devices,
                message["task"],
                message["changes"],
                _rendezvous(meeting, message["port"], message["run_id"]),
            )
        except Exception as error:  # of the rendezvous: the run fails on node 0, too
            print(f"Node {meeting.place.rank}: {cause_of(error)}", file=sys.stderr)


def _killed(status: int, rank: int) -> str:
    """How the system ended a process of this node; empty if it did not.

    Args:
        status: exit code of the process that failed first.
        rank: of this node.
    """
    if status >= 0:
        return ""
    return (
        f"a process of node {rank} was killed ({signal.Signals(-status).name}), perhaps for want "
        f"of memory. {AGAIN}"
    )


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
