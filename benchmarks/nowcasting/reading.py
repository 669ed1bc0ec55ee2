"""Radar events read, or a net moved by them, timed in a process of its own.

python -m benchmarks.nowcasting.reading TASK.json RESULT.json
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.step_timer import device_synchronizer
from saibench.datamodules.nowcasting.event import OBSERVED_FRAMES, TARGET_FRAMES
from saibench.datamodules.nowcasting.loader import CropBatches, EventDataset, rain_loader
from saibench.datamodules.nowcasting.mrms import MRMS
from saibench.datamodules.stream import Ranks
from saibench.models.nowcasting.nets.nowcastnet import NowcastNet


@dataclass(frozen=True)
class ReadingTask:
    """What is read, or what a net is moved by.

    Args:
        root: folder of the events.
        cache: folder for their index.
        batches: timed; the first, which warms up, comes on top.
        batch_size: events a batch.
        crop: side in pixels, or None for whole events.
        workers: processes that read ahead.
        base_channels: width of a net that is moved by one batch instead of reading; None reads.
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


@dataclass(frozen=True)
class ReadingResult:
    """What it took.

    Args:
        seconds: by the clock, for all batches but the first.
        cpu_seconds: processor time of the process for these, without that of its workers.
        peak_megabytes: most memory that the process held, Python and PyTorch included.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float


def now() -> np.ndarray:
    """By the clock, and of this process's processor time."""
    return np.array([time.perf_counter(), time.process_time()])


def read(task: ReadingTask) -> np.ndarray:
    """Seconds, of both kinds, in which the loader of a training gives the batches."""
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


def move(task: ReadingTask) -> np.ndarray:
    """The same of as many forward and backward passes: less than any training step takes."""
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


def main() -> None:
    task_file, result_file = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    task = ReadingTask(**json.loads(task_file.read_text()))
    seconds, cpu_seconds = (read(task) if task.base_channels is None else move(task)).tolist()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result_file.write_text(json.dumps(asdict(ReadingResult(seconds, cpu_seconds, peak))))


if __name__ == "__main__":
    main()
