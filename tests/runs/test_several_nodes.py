"""Runs on several nodes: two process groups on this machine that meet over loopback."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from command_line import REPOSITORY, TINY, only_point, train

from saibench.errors import UserError
from saibench.evidence.run_record import read_metrics, read_record
from saibench.runs import node_meeting, several_nodes
from saibench.runs.node_meeting import Meeting, NodeGone, free_port, met
from saibench.runs.node_place import NodePlace, copies, place_of

BY_SRUN = {
    **{"SLURM_JOB_ID": "1234", "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "localhost,other"},
    **{"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2", "SLURM_NTASKS": "2"},
}
"""Of a step with one task on each of two nodes, without `SLURM_NODEID`."""


def by_srun(node: int) -> dict[str, str]:
    """The variables of one task."""
    return {**BY_SRUN, "SLURM_NODEID": str(node), "SLURM_PROCID": str(node)}


@pytest.mark.slow
@pytest.mark.usefixtures("without_page")
def test_two_nodes_give_the_results_of_one_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In double precision, in which the order of additions changes the 13th digit."""
    for name in ("one", "both"):
        (tmp_path / name).mkdir()
    exact = (*TINY, "model.net.dtype=float64")
    assert train(tmp_path / "one", *exact).status == 0
    both, port = tmp_path / "both", str(free_port())
    for name, value in {**by_srun(0), "MASTER_PORT": port}.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, str(REPOSITORY / "train.py"), *exact, "trainer.num_nodes=2"]
    with subprocess.Popen(
        command,
        cwd=both,
        env={**os.environ, **by_srun(1)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as other:
        ended = train(both, *exact, "trainer.num_nodes=2")
        said, _ = other.communicate(timeout=300)
    assert (ended.status, other.returncode) == (0, 0), (ended, said)
    assert "complete" in ended.out and "complete" not in said
    one, two = only_point(tmp_path / "one"), only_point(both)
    assert one.name == two.name, "the hash does not depend on nodes"
    assert len(read_record(two)["sessions"]) == 1
    weights = [torch.load(each / "last.ckpt", weights_only=True) for each in (one, two)]
    assert weights[0]["global_step"] == weights[1]["global_step"] == 4
    torch.testing.assert_close(
        weights[1]["state_dict"], weights[0]["state_dict"], rtol=1e-9, atol=1e-12
    )
    expected, found = read_metrics(one), read_metrics(two)
    for name, entry in expected["last_tenth"].items():
        assert found["last_tenth"][name]["count"] == entry["count"] == 30
        assert found["last_tenth"][name]["value"] == pytest.approx(entry["value"], rel=1e-9), name


def test_a_node_that_is_alone_ends_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_meeting, "WAIT", 0.3)
    monkeypatch.setattr(node_meeting, "SPOKEN_AFTER", 0.1)
    port = str(free_port())
    by_hand = {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
    for rank, missing in (("0", "node 1 of 2"), ("1", "node 0 of 2")):
        for name, value in {**by_hand, "NODE_RANK": rank}.items():
            monkeypatch.setenv(name, value)
        ended = train(tmp_path, *TINY, "trainer.num_nodes=2")
        assert ended.status == 2, ended
        assert missing in ended.err and f"localhost:{port}" in ended.err
        assert missing in ended.out, "the wait is announced"
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "NODE_RANK"),
        ({"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_NODEID": "0"}, "srun --nodes=2"),
        ({**by_srun(0), "SLURM_STEP_NUM_NODES": "1"}, "2 processes on 1 nodes"),
        ({**by_srun(0), "SLURM_STEP_NUM_TASKS": "4"}, "4 processes on 2 nodes"),
        ({"MASTER_ADDR": "n1", "NODE_RANK": "2"}, "NODE_RANK=2"),
        ({"MASTER_ADDR": "n1", "NODE_RANK": "0", "MASTER_PORT": "x"}, "MASTER_PORT=x"),
    ],
)
def test_a_place_that_is_not_known_is_refused(environment: dict[str, str], named: str) -> None:
    with pytest.raises(UserError, match=named):
        place_of(2, environment)


def test_places() -> None:
    """The first node of a list in SLURM's notation, and ports of their own for jobs and steps."""
    listed = {**by_srun(1), "SLURM_STEP_NODELIST": "gpu[07-08]"}
    first = place_of(2, listed)
    assert (first.rank, first.count, first.address) == (1, 2, "gpu07")
    steps = [
        {**listed, "SLURM_JOB_ID": job, "SLURM_STEP_ID": step} for job in "89" for step in "01"
    ]
    assert len({place_of(2, one).port for one in steps}) == 4
    by_hand = {"MASTER_ADDR": "n1", "NODE_RANK": "1"}
    assert place_of(2, by_hand) == NodePlace(1, 2, "n1", 29500)
    assert place_of(2, {**by_srun(1), **by_hand, "NODE_RANK": "0"}).rank == 1, "srun knows better"


def test_the_processes_of_one_run_are_no_copies() -> None:
    assert copies(by_srun(0), num_nodes=2) == ""
    assert "srun --ntasks=1" in copies(by_srun(0), num_nodes=1)


def meetings() -> list[Meeting]:
    """Two nodes of one command."""
    port = free_port()
    return [met(NodePlace(rank, 2, "localhost", port)) for rank in (0, 1)]


def agreed(both: list[Meeting], *descriptions: list[str]) -> list[str]:
    """What the nodes say of their descriptions; empty if they agree."""

    def said(one: Meeting, description: list[str]) -> str:
        try:
            one.agree(description)
        except UserError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(said, both, descriptions))


def test_different_commands_are_refused_on_both_nodes() -> None:
    assert agreed(meetings(), ["the run a"], ["the run a"]) == ["", ""]
    for own, other in ((["the run a"], ["the run b"]), (["the run a"], ["the run a", "the run b"])):
        zero, one = agreed(meetings(), own, other)
        assert zero == one and "node 1" in zero, zero
    both = meetings()
    assert agreed(both, ["the run a"], ["the run a"]) == ["", ""]
    with pytest.raises(UserError, match="NODE_RANK=1"):
        Meeting(both[1].place, both[1]._store).agree(["the run a"])


def test_a_port_in_use_is_named() -> None:
    both = meetings()
    with pytest.raises(UserError, match=f"MASTER_PORT={both[0].place.port}"):
        met(both[0].place)


def test_a_message_is_heard_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(BaseException):
        pass

    def interrupt(seconds: float) -> None:
        raise Interrupted

    zero, one = meetings()
    monkeypatch.setattr(node_meeting.time, "sleep", interrupt)
    with pytest.raises(Interrupted):
        one.hear()
    with pytest.raises(Interrupted):
        zero.ask({"task": "train"})
    assert one.hear() == {"task": "train"}


def test_a_node_that_did_not_answer_is_not_awaited_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each further run of a sweep would wait for ten minutes."""
    zero, _ = meetings()
    with monkeypatch.context() as patch:
        patch.setattr(node_meeting, "WAIT", 0.1)
        with pytest.raises(UserError, match="node 1 of 2"):
            zero.ask({"task": "train"})
    monkeypatch.setattr(node_meeting.time, "sleep", lambda seconds: pytest.fail("it waits"))
    with pytest.raises(UserError, match="node 1 of 2"):
        zero.ask({"task": "train"})


def test_the_end_of_node_0_is_noticed() -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Meeting.end, meetings()))
    zero, one = meetings()
    del zero
    gc.collect()
    with pytest.raises(NodeGone):
        one.hear()
    one.end()


def test_a_folder_that_only_node_0_sees_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several_nodes, "SEEN_WITHIN", 0.0)
    assert "hydra.run.dir" in several_nodes._unseen(tmp_path, "0" * 64, 1)
