"""Nodes that are cut off without a word: silence by given times, threads by a store in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from torch.distributed import HashStore

from saibench.runs import node_beats
from saibench.runs.node_beats import BEAT, SILENCE, Silence, watched
from saibench.runs.node_meeting import Meeting
from saibench.runs.node_place import NodePlace
from saibench.runs.worker import End

HOUR = 3600.0


def test_a_silent_node_is_lost_after_its_last_sign() -> None:
    silence, now, last = Silence(0.0), 0.0, 200.0
    lost = None
    while lost is None:
        now += BEAT
        assert now < HOUR
        lost = silence.look({1: int(now // BEAT), 2: int(min(now, last) // BEAT)}, now)
    assert lost == 2
    assert last + SILENCE < now <= last + SILENCE + BEAT


def test_slow_signs_are_no_silence() -> None:
    """A loaded machine that shows a sign in each half of the allowed time."""
    silence, looks = Silence(0.0), int(HOUR / BEAT)
    signs = [int(look * BEAT // (SILENCE / 2)) for look in range(looks)]
    assert all(silence.look({1: sign}, look * BEAT) is None for look, sign in enumerate(signs))


def test_a_process_that_was_stopped_itself_knows_of_no_silence() -> None:
    """As of a job that SLURM suspends on all nodes, and continues an hour later."""
    silence = Silence(0.0)
    assert silence.look({1: 1}, BEAT) is None
    assert silence.look({1: 1}, HOUR) is None
    assert silence.look({1: 2}, HOUR + BEAT) is None


def test_a_node_that_shows_no_more_signs_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_beats, "BEAT", 0.01)
    monkeypatch.setattr(node_beats, "SILENCE", 0.1)
    store, lost, told = HashStore(), [], threading.Event()
    zero, one = (NodePlace(rank, 2, "localhost", 1) for rank in (0, 1))

    def lose(rank: int) -> None:
        lost.append(rank)
        told.set()

    with watched(zero, store, lose):  # type: ignore[arg-type]
        with watched(one, store, lambda rank: None):  # type: ignore[arg-type]
            while store.add("beat/1", 0) < 5:
                told.wait(0.01)
        assert told.wait(60)
    assert lost == [1]


def test_processes_of_node_0_end_if_another_node_is_lost(tmp_path: Path) -> None:
    meeting = Meeting(NodePlace(0, 3, "localhost", 1), HashStore())  # type: ignore[arg-type]
    meeting.ranks_end = tmp_path / "end"
    end = End(os.getpid(), meeting.ranks_end)
    assert not end.is_reached()
    meeting._lose(2)
    assert end.is_reached()
    assert "node 2 of 3" in meeting.lost
    assert meeting.asked_soon({"killed": True}) is None


ALONE = """
import time
from saibench.runs import node_beats
from saibench.runs.node_meeting import Meeting
from saibench.runs.node_place import NodePlace

class CutOff:
    def add(self, key, amount):
        time.sleep(1000)

node_beats.BEAT, node_beats.SILENCE = 0.01, 0.1
with Meeting(NodePlace(1, 2, "localhost", 1), CutOff()).watched():
    time.sleep(1000)
"""


def test_another_node_ends_even_while_it_waits_for_node_0() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 1
    assert "Node 0" in ended.stderr and "Traceback" not in ended.stderr
