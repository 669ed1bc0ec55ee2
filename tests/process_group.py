"""A gloo process group of forked copies of this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing import start_processes
from torchmetrics import Metric

SECONDS = 240
SEVEN_ON_TWO_RANKS = {
    "both_have_some": ([0, 2, 4, 6], [1, 3, 5]),
    "first_rank_has_none": ([], [0, 1, 2, 3, 4, 5, 6]),
    "second_rank_has_none": ([0, 1, 2, 3, 4, 5, 6], []),
    "no_rank_has_any": ([], []),
}
"""Samples of each rank."""

MetricsOf = Callable[[list[int]], Mapping[str, Metric]]
"""Metrics that are updated with these samples."""


def values_on(rank: int, metrics_of: MetricsOf) -> dict[str, dict[str, Any]]:
    """Value of each metric on a rank, for each of `SEVEN_ON_TWO_RANKS`."""
    return {
        case: {name: metric.compute() for name, metric in metrics_of(samples[rank]).items()}
        for case, samples in SEVEN_ON_TWO_RANKS.items()
    }


def assert_equal_to_one_process(
    values: dict[str, dict[str, Any]], case: str, metrics_of: MetricsOf
) -> None:
    first, second = SEVEN_ON_TWO_RANKS[case]
    expected = {name: metric.compute() for name, metric in metrics_of(first + second).items()}
    torch.testing.assert_close(values[case], expected, rtol=1e-12, atol=1e-12, equal_nan=True)


def found_on_ranks(find: Callable[[int], Any], folder: Path, ranks: int = 2) -> list[Any]:
    """Results of `find(rank)` on each rank.

    Processes are forked, as PyTorch's loaders fork their workers, so they import nothing again.

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
    torch.distributed.barrier()  # none leaves while another still connects to it
    torch.distributed.destroy_process_group()
