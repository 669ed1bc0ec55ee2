"""A gloo process group of copies of this process, each with memory of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing import start_processes

SECONDS = 240


def found_on_ranks(find: Callable[[int], Any], folder: Path, ranks: int = 2) -> list[Any]:
    """What `find(rank)` gives on each rank.

    Copied by `fork`, as PyTorch's loaders copy their workers: what is imported need not be again.

    Args:
        folder: empty, for the group's files.
    """
    group = start_processes(
        _run, args=(find, folder, ranks), nprocs=ranks, join=False, start_method="fork"
    )
    end = time.monotonic() + SECONDS
    try:
        while not group.join(timeout=1):  # raises what a rank raised
            assert time.monotonic() < end, "the ranks do not end"
    finally:
        for process in group.processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(ranks)]


def _run(rank: int, find: Callable[[int], Any], folder: Path, ranks: int) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=ranks
    )
    torch.save(find(rank), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()
