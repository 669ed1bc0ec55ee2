"""Timing of reading radar events, or of a net on them, run in a process of its own.

python -m benchmarks.nowcasting.reading TASK.json RESULT.json
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.measurement import Usage, peak_megabytes, task_main
from benchmarks.step_timer import device_synchronizer
from saibench.datamodules.nowcasting.event import OBSERVED_FRAMES, TARGET_FRAMES
from saibench.datamodules.nowcasting.loader import CropBatches, EventDataset, rain_loader
from saibench.datamodules.nowcasting.mrms import MRMS
from saibench.datamodules.stream import Ranks
from saibench.models.nowcasting.nets.nowcastnet import NowcastNet


@dataclass(frozen=True)
class ReadingTask:
    """The task to be timed.

    Args:
        root: folder of the events.
        cache: folder for their index.
        batches: timed batches, after one for warm-up.
        batch_size: events per batch.
        crop: side in pixels, or None for whole events.
        workers: processes that read ahead.
        base_channels: width of the net to be timed on a constant batch; None to time the reading.
        device: of the net, `cpu` or `cuda`.
    """

    root: str
    cache: str
    batches: int
    batch_size: int
    crop: int | None
    workers: int
    base_channels: int | None
    device: str


def now() -> np.ndarray:
    """Wall time, and CPU time of this process."""
    return np.array([time.perf_counter(), time.process_time()])


def read(task: ReadingTask) -> np.ndarray:
    """Wall and CPU time in which the loader of a training returns the batches."""
    events = MRMS(task.root).load(Path(task.cache))
    rows = np.arange(events.index.height)
    batches = CropBatches(
        rows, task.batch_size, task.batches + 1, seed=0, first_step=lambda: 0, ranks=Ranks()
    )
    loader = iter(rain_loader(EventDataset(events, task.crop), batches, task.workers))
    next(loader)
    began = now()
    read = sum(1 for _ in loader)
    assert read == task.batches
    return now() - began


def compute(task: ReadingTask) -> np.ndarray:
    """Wall and CPU time of a forward and backward pass per batch, less than of a training step."""
    assert task.base_channels is not None
    device = torch.device(task.device)
    synchronize = device_synchronizer(device)
    side = task.crop or 512
    net = NowcastNet(task.base_channels).to(device)
    shape = (task.batch_size, OBSERVED_FRAMES + TARGET_FRAMES, side, side)
    rain = 20 * torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)
    for batch in range(task.batches + 1):
        if batch == 1:
            synchronize()
            began = now()
        error = net(rain[:, :OBSERVED_FRAMES]) - rain[:, OBSERVED_FRAMES:]
        error.abs().mean().backward()
    synchronize()
    return now() - began


def measured(task: ReadingTask) -> Usage:
    """CPU time and memory are those of the process without its workers."""
    seconds, cpu_seconds = (read(task) if task.base_channels is None else compute(task)).tolist()
    return Usage(seconds, cpu_seconds, peak_megabytes(torch.device("cpu")))


if __name__ == "__main__":
    task_main(ReadingTask, measured)
