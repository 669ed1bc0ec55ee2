"""Timing of contestants in turn, and of a plain copy in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from benchmarks.step_timer import device_synchronizer


@dataclass(frozen=True)
class Timing:
    """One contestant's runs, in seconds of wall time and CPU time."""

    clock: tuple[float, ...]
    processor: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.clock)

    @property
    def best(self) -> float:
        return min(self.clock)


def timed_in_turn(
    runs: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, Timing]:
    """Run each once per round, after a warm-up round; a GPU is synchronised before and after.

    In turn, so that other load on the machine affects all of them.
    """
    synchronize = device_synchronizer(device)
    clock: dict[str, list[float]] = {name: [] for name in runs}
    processor: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        for name, run in runs.items():
            synchronize()
            began, began_processor = time.perf_counter(), time.process_time()
            run()
            synchronize()
            if round_:
                clock[name].append(time.perf_counter() - began)
                processor[name].append(time.process_time() - began_processor)
    return {name: Timing(tuple(clock[name]), tuple(processor[name])) for name in runs}


def copy_of(values: Tensor) -> Callable[[], object]:
    """A function that copies `values` in the device's memory."""
    destination = torch.empty_like(values)
    return lambda: destination.copy_(values)
