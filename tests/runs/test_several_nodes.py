"""Runs on several nodes: two process groups on this machine that meet over loopback."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from command_line import REPOSITORY, TINY, Ended, ended_with, evaluate, only_point, train

from saibench.errors import UserError
from saibench.evidence.run_record import read_metrics, read_record
from saibench.runs import node_meeting, several_nodes
from saibench.runs.node_meeting import Meeting, NodeGone, free_port, met
from saibench.runs.node_place import NodePlace, copies, place_of, silence_connections
from saibench.runs.outcome import Outcome

BY_SRUN = {
    **{"SLURM_JOB_ID": "1234", "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "localhost,other"},
    **{"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2", "SLURM_NTASKS": "2"},
}
"""Of a step with one task on each of two nodes, without `SLURM_NODEID`."""


def by_srun(node: int) -> dict[str, str]:
    """The variables of one task."""
    return {**BY_SRUN, "SLURM_NODEID": str(node), "SLURM_PROCID": str(node)}


@pytest.fixture
def node_1() -> Iterator[Executor]:
    """A process of node 1, in which its commands follow each other, as node 0's do in this one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        yield process


def on_two_nodes(node_1: Executor, folder: Path, script: str, *arguments: str) -> list[Ended]:
    """The same command on both nodes; on node 0 in this process."""
    variables = {**os.environ, "MASTER_PORT": str(free_port())}
    command = (script, folder, *arguments, "trainer.num_nodes=2")
    other = node_1.submit(ended_with, {**variables, **by_srun(1)}, *command)
    return [ended_with({**variables, **by_srun(0)}, *command), other.result(timeout=300)]


@pytest.mark.slow
@pytest.mark.usefixtures("without_page")
def test_two_nodes_give_the_results_of_one_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node_1: Executor
) -> None:
    """In double precision, in which the order of additions changes the 13th digit.

    A batch system tells node 1 to stop after three steps, and the same command goes on.
    """
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests"), prepend=os.pathsep)
    for name in ("one", "both"):
        (tmp_path / name).mkdir()
    interruption = "+trainer.callbacks.interruption._target_=interruptions.Interruption"
    exact = (*TINY, "model.net.dtype=float64", interruption)
    assert train(tmp_path / "one", *exact).status == 0
    both = tmp_path / "both"
    monkeypatch.setenv("INTERRUPTION", "term1@3")
    ended = on_two_nodes(node_1, both, "train.py", *exact)
    assert [node.status for node in ended] == [130, 130], ended
    assert all("Interrupted" in node.out for node in ended)
    one, two = only_point(tmp_path / "one"), only_point(both)
    assert read_record(two)["state"] == "stopped"
    assert torch.load(two / "last.ckpt", weights_only=True)["global_step"] == 3

    monkeypatch.delenv("INTERRUPTION")
    ended = on_two_nodes(node_1, both, "train.py", *exact)
    assert [node.status for node in ended] == [0, 0], ended
    assert "complete" in ended[0].out and "complete" not in ended[1].out
    assert one.name == two.name, "the hash does not depend on nodes"
    assert len(read_record(two)["sessions"]) == 2
    weights = [torch.load(each / "last.ckpt", weights_only=True) for each in (one, two)]
    assert weights[0]["global_step"] == weights[1]["global_step"] == 4
    torch.testing.assert_close(
        weights[1]["state_dict"], weights[0]["state_dict"], rtol=1e-9, atol=1e-12
    )

    more = ("test=[whole_trajectory]", "logger=none", "trainer.accelerator=cpu", "report=false")
    more = (*more, "--trust-module=interruptions")
    ended = on_two_nodes(node_1, both, "evaluate.py", f"run={two}", *more)
    assert [node.status for node in ended] == [0, 0], ended
    assert "force_mae" in ended[0].out and "force_mae" not in ended[1].out
    assert evaluate(tmp_path, f"run={one}", *more).status == 0
    expected, found = read_metrics(one), read_metrics(two)
    for partition, count in (("last_tenth", 30), ("whole_trajectory", 300)):
        for name, entry in expected[partition].items():
            assert found[partition][name]["count"] == entry["count"] == count
            value = pytest.approx(entry["value"], rel=1e-9)
            assert found[partition][name]["value"] == value, name


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


def test_warnings_of_connections_are_suppressed_on_several_nodes_only() -> None:
    level = "TORCH_CPP_LOG_LEVEL"
    one: dict[str, str] = {"SLURM_STEP_NUM_NODES": "1"}
    silence_connections(one)
    assert level not in one
    for several in (by_srun(1), {"NODE_RANK": "0"}):
        silence_connections(several)
        assert several[level] == "ERROR"
    own = {**by_srun(0), level: "INFO"}
    silence_connections(own)
    assert own[level] == "INFO"


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


def lost_elsewhere(both: list[Meeting], folder: Path, status: int | None) -> str:
    """What node 0 finds if its ranks fail, and the first one of node 1 ended with a status.

    Args:
        status: None if node 1 itself was killed.
    """
    zero, one = both

    def launched(*_: object) -> int:
        assert status is not None
        return status

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(several_nodes, "launch_ranks", launched)
        patch.setattr(node_meeting, "_GOODBYE", 0.2 if status is None else 60)
        if status is not None:
            followed = pool.submit(several_nodes._followed, one, folder, 1)
            zero.ask({"task": "train", "changes": {}, "run_id": "a", "port": 1})
        found = several_nodes._lost_elsewhere(zero.asked_soon({"killed": True}))
        if status is not None:
            zero.tell({"ended": {"folder": "", "state": "failed", "cause": found}})
            assert followed.result() == Outcome(folder, "failed", found)
    return found


def test_a_lost_node_and_a_killed_process_of_another_node_are_named(tmp_path: Path) -> None:
    """The ranks of node 0 see no more than a closed connection."""
    assert lost_elsewhere(meetings(), tmp_path, status=1) == "", "the rank wrote why"
    assert "node 1 was killed (SIGKILL)" in lost_elsewhere(meetings(), tmp_path, status=-9)
    both = meetings()
    assert "does not answer" in lost_elsewhere(both, tmp_path, status=None)
    with pytest.raises(UserError, match="node 1 of 2"):
        both[0].ask({"task": "train"})


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
