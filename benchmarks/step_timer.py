"""Times of the steps of a training, recorded in the same way for every contestant.

All processes of a machine share the clock `time.perf_counter`, so the times of a training process
are comparable with those of the process that started it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


@dataclass(frozen=True)
class StepTimes:
    """Times of one training, on the clock `time.perf_counter`.

    Args:
        first_step_began: when the first batch is ready.
        timing_began: end of the last warm-up step.
        timing_ended: end of the last step.
        timed_steps: steps between the two.
        cpu_seconds: CPU time of the training process between the two.
    """

    first_step_began: float
    timing_began: float
    timing_ended: float
    timed_steps: int
    cpu_seconds: float


class StepClock:
    """Counts steps, and writes `StepTimes` as JSON after the last one.

    Args:
        path: the file to write.
        warm_up_steps: first steps, which are not timed.
        total_steps: all steps, including the warm-up.
        synchronize: waits for the device; called at both ends of the timed steps.
    """

    def __init__(
        self, path: Path, warm_up_steps: int, total_steps: int, synchronize: Callable[[], None]
    ) -> None:
        self.path = path
        self.warm_up_steps = warm_up_steps
        self.total_steps = total_steps
        self.synchronize = synchronize
        self.steps = 0

    def begin_first_step(self) -> None:
        self.first_step_began = time.perf_counter()

    def end_step(self) -> None:
        self.steps += 1
        if self.steps == self.warm_up_steps:
            self.synchronize()
            self.timing_began, self.cpu_began = time.perf_counter(), time.process_time()
        elif self.steps == self.total_steps:
            self.synchronize()
            times = StepTimes(
                first_step_began=self.first_step_began,
                timing_began=self.timing_began,
                timing_ended=time.perf_counter(),
                timed_steps=self.total_steps - self.warm_up_steps,
                cpu_seconds=time.process_time() - self.cpu_began,
            )
            self.path.write_text(json.dumps(asdict(times)))


class StepTimer(Callback):
    """A Lightning callback that writes the `StepTimes` of a fit.

    Args:
        path: the JSON file to write.
        warm_up_steps: first steps, which are not timed.
        total_steps: all steps of the fit.
        only_steps: whether to end the process after the last step.
    """

    def __init__(
        self, path: str, warm_up_steps: int, total_steps: int, only_steps: bool = False
    ) -> None:
        self.path = Path(path)
        self.warm_up_steps = warm_up_steps
        self.total_steps = total_steps
        self.only_steps = only_steps
        self.clock: StepClock | None = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.clock is None:
            self.clock = StepClock(
                self.path,
                self.warm_up_steps,
                self.total_steps,
                device_synchronizer(trainer.strategy.root_device),
            )
            self.clock.begin_first_step()

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        assert self.clock is not None
        self.clock.end_step()
        if self.only_steps and self.clock.steps == self.total_steps:
            os._exit(0)  # nothing of the run is kept


def device_synchronizer(device: torch.device) -> Callable[[], None]:
    """A function that waits until the device has finished its work."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None
