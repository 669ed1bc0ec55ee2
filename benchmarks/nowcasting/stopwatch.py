"""Contestants timed in turn, beside a plain copy in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor


@dataclass(frozen=True)
class Timing:
    """One contestant's runs, in seconds by the clock and of processor time."""

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
    """Run each once a round, after one round that is not counted.

    What else the machine does falls on all of them alike; a GPU is waited for before and after.
    """
    clock: dict[str, list[float]] = {name: [] for name in runs}
    processor: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(rounds + 1):
        for name, run in runs.items():
            wait_for(device)
            began, began_processor = time.perf_counter(), time.process_time()
            run()
            wait_for(device)
            if round_:
                clock[name].append(time.perf_counter() - began)
                processor[name].append(time.process_time() - began_processor)
    return {name: Timing(tuple(clock[name]), tuple(processor[name])) for name in runs}


def copy_of(values: Tensor) -> Callable[[], object]:
    """A copy of `values` within the device's memory: as many bytes are read as are written."""
    destination = torch.empty_like(values)
    return lambda: destination.copy_(values)


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
