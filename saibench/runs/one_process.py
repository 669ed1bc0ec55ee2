"""Which process of how many this is: never read off what a batch system left in the environment."""

from __future__ import annotations

from lightning.fabric.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    TorchElasticEnvironment,
)


class OneProcess(LightningEnvironment):
    """A run of one device is this process alone.

    Lightning would take its rank and the number of processes from variables of SLURM, LSF, MPI or
    torchrun, which a batch job or a shell holds for reasons of its own: it then refuses to start,
    or takes itself for one of the ranks that write nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_global_rank(0)

    @property
    def creates_processes_externally(self) -> bool:
        return False

    def local_rank(self) -> int:
        return 0

    def node_rank(self) -> int:
        return 0

    def teardown(self) -> None:
        """Leave the variables that others set."""


def process_environment(devices: int) -> ClusterEnvironment:
    """For a Trainer: one process, or a rank of the group that our own launcher started."""
    return OneProcess() if devices == 1 else TorchElasticEnvironment()
