"""Refuse options of Hydra's launchers that cannot work, before anything is written or submitted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from saibench.errors import UserError

if TYPE_CHECKING:
    from saibench.config.compose import Command

_IN_PROCESS, _LOCAL, _SLURM = "BasicLauncher", "LocalLauncher", "SlurmLauncher"
_PROGRAMS = ("sbatch", "srun")
"""What submitit calls to submit a job, and a job to start its processes."""


def starts_elsewhere(command: Command) -> bool:
    """Whether the runs of a command are started in other processes."""
    return command.multirun and _class_of(command.points[0]) != _IN_PROCESS


def starts_on_other_machines(config: DictConfig) -> bool:
    """Whether SLURM starts this run, on nodes whose devices this machine may lack."""
    return _class_of(config) == _SLURM


def common_num_nodes(command: Command) -> int:
    """The number of nodes of each run of a command; 1 for a value that is refused later.

    Raises:
        UserError: they differ.
    """
    given = [OmegaConf.select(one, "trainer.num_nodes") for one in command.points]
    nodes = {one if isinstance(one, int) and one > 0 else 1 for one in given}
    if len(nodes) > 1:
        raise UserError(
            f"trainer.num_nodes={','.join(map(str, sorted(nodes)))}: the runs of one command need "
            "the same number of nodes. Give one command for each."
        )
    return nodes.pop()


def check_launcher(command: Command) -> None:
    """Check the launcher of a command.

    Raises:
        UserError: it would start a single run, SLURM is missing, or its numbers of nodes and
            processes are not those of the runs.
    """
    config, num_nodes = command.points[0], common_num_nodes(command)
    kind = _class_of(config)
    if kind == _IN_PROCESS:
        return
    given = f"hydra/launcher={config.hydra.runtime.choices['hydra/launcher']}"
    if not command.multirun:
        raise UserError(
            f"{given} starts the runs of a sweep, and this command is a single run, which would "
            "be trained in this process. Add -m, or remove the launcher."
        )
    if num_nodes > 1 and kind != _SLURM:
        raise UserError(
            f"trainer.num_nodes={num_nodes} with {given}, which starts processes on one machine. "
            "Use hydra/launcher=submitit_slurm, or no launcher."
        )
    if kind in (_LOCAL, _SLURM):
        _check_job(given, config.hydra.launcher, num_nodes)
    if kind == _SLURM:
        _check_programs(given)


def _class_of(config: DictConfig) -> str:
    """Name of the launcher's class; a user's option may be a variant of a known one."""
    target = OmegaConf.select(config, "hydra.launcher._target_")  # not set in a frozen config
    return str(target).rpartition(".")[2]


def _check_job(given: str, options: DictConfig, num_nodes: int) -> None:
    """Refuse processes that would each do the same run."""
    if (tasks := options.get("tasks_per_node")) not in (None, 1):
        raise UserError(
            f"hydra.launcher.tasks_per_node={tasks} with {given} would start {tasks} copies of "
            "each run. Use hydra.launcher.tasks_per_node=1; trainer.devices says how many "
            "processes a run has on a node."
        )
    if (nodes := options.get("nodes")) not in (None, num_nodes):
        raise UserError(
            f"hydra.launcher.nodes={nodes} with {given}, but a run uses "
            f"trainer.num_nodes={num_nodes}. Use the same number for both."
        )


def _check_programs(given: str) -> None:
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        raise UserError(
            f"{given} needs {' and '.join(missing)} of SLURM, not found in PATH. Give the command "
            "on a login node of the cluster, or without the launcher."
        )
