"""The process environment of a run on one device."""

from __future__ import annotations

from lightning.fabric.plugins.environments import LightningEnvironment


class OneProcess(LightningEnvironment):
    """One rank, whatever variables a batch system has set.

    Lightning would read rank and world size from variables of SLURM, LSF, MPI or torchrun, which
    may belong to the surrounding job. It would then refuse to start, or write nothing.
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
        """Keep the variables that others set."""
