"""Which of several nodes this process is, and where they meet.

`srun` says so in its variables. Without SLURM, three variables say it, with the names that
Lightning and torchrun use: `MASTER_ADDR` and `MASTER_PORT`, of node 0, and `NODE_RANK`.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from saibench.errors import UserError

PORT = 29500
"""Default of torchrun."""
_SRUN_PORTS = range(15_000, 25_000)
"""Ports for jobs of SLURM, several of which may share a node."""


@dataclass(frozen=True)
class NodePlace:
    """A node of a run on several nodes.

    Args:
        rank: from 0; node 0 writes the results.
        count: number of nodes.
        address: of node 0.
        port: of node 0, at which the others meet it.
    """

    rank: int
    count: int
    address: str
    port: int

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.port}"


def num_nodes_of(trainer: Mapping[str, Any]) -> int:
    """Number of nodes of a run; settings that were frozen before have none."""
    return int(trainer.get("num_nodes") or 1)


def place_of(count: int, environment: Mapping[str, str]) -> NodePlace:
    """The place of this process among `count` nodes.

    Args:
        count: `trainer.num_nodes`, 2 or more.
        environment: variables of this process.

    Raises:
        UserError: the variables are missing, or speak of another number of nodes or processes.
    """
    by_srun = {"SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_NODES", "SLURM_NODEID"} <= environment.keys()
    if by_srun and _started(environment) == (count, count):
        return _place_by_srun(count, environment)
    if {"MASTER_ADDR", "NODE_RANK"} <= environment.keys():
        return _place_by_hand(count, environment)
    srun = f"srun --nodes={count} --ntasks-per-node=1 python train.py …"
    if by_srun:
        tasks, nodes = _started(environment)
        raise UserError(
            f"trainer.num_nodes={count}, but srun started {tasks} processes on {nodes} nodes. "
            f"Use one process a node, which starts its own for each device: {srun}"
        )
    raise UserError(
        f"trainer.num_nodes={count}: the same command has to be started on each node. Use {srun} "
        "or, without SLURM, set MASTER_ADDR and MASTER_PORT (of node 0) and NODE_RANK (0 to "
        f"{count - 1})."
    )


def silence_connections(environment: MutableMapping[str, str]) -> None:
    """Suppress PyTorch's C++ warnings in a process that is one of several nodes.

    They print frames of C++ for each connection that another node closes. Errors are exceptions, or
    of the level ERROR, which is kept. PyTorch reads the variable once, when it is imported.

    Args:
        environment: variables of this process; the user's own level is kept.
    """
    by_srun = environment.get("SLURM_STEP_NUM_NODES", "1") != "1"
    if by_srun or "NODE_RANK" in environment:
        environment.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def copies(environment: Mapping[str, str], num_nodes: int) -> str:
    """A sentence on the copies of a command that srun started; empty if there is one.

    Of a run on several nodes there are none: `place_of` refuses another number of processes.
    """
    if num_nodes > 1 or (tasks := _number(environment, "SLURM_STEP_NUM_TASKS")) < 2:
        return ""
    return (
        f" srun started {tasks} processes: if each has this command, one of them does the run. Use "
        "srun --ntasks=1; trainer.devices starts a process for each device."
    )


def _started(environment: Mapping[str, str]) -> tuple[int, int]:
    """Numbers of processes and nodes that srun started."""
    return _number(environment, "SLURM_STEP_NUM_TASKS"), _number(
        environment, "SLURM_STEP_NUM_NODES"
    )


def _place_by_srun(count: int, environment: Mapping[str, str]) -> NodePlace:
    from lightning.fabric.plugins.environments import SLURMEnvironment

    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
    first = SLURMEnvironment.resolve_root_node_address(nodes)
    job, step = _number(environment, "SLURM_JOB_ID"), _number(environment, "SLURM_STEP_ID")
    return NodePlace(
        rank=_number(environment, "SLURM_NODEID"),
        count=count,
        address=environment.get("MASTER_ADDR", first),
        port=_number(environment, "MASTER_PORT", _SRUN_PORTS[(16 * job + step) % len(_SRUN_PORTS)]),
    )


def _place_by_hand(count: int, environment: Mapping[str, str]) -> NodePlace:
    rank = _number(environment, "NODE_RANK")
    if rank >= count:
        raise UserError(
            f"NODE_RANK={rank} with trainer.num_nodes={count}. Use 0 to {count - 1}, another on "
            "each node."
        )
    port = _number(environment, "MASTER_PORT", PORT)
    return NodePlace(rank, count, environment["MASTER_ADDR"], port)


def _number(environment: Mapping[str, str], name: str, default: int = 0) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal():
        raise UserError(f"The variable {name}={text} is no whole number.")
    return int(text)
