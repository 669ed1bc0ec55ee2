"""When the steps of a training took place, told the same way by every contestant.

`time.perf_counter` is one clock for all processes of a machine, so the moments that a training
process writes down can be set against those of the process that started it.
"""

from __future__ import annotations

import json
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
    """Moments of one training, on the clock `time.perf_counter`.

    Args:
        first_step_began: once the first batch is at hand.
        timing_began: at the end of the last warm-up step.
        timing_ended: at the end of the last step.
        timed_steps: steps between the two.
        cpu_seconds: processor time of the training process between the two.
    """

    first_step_began: float
    timing_began: float
    timing_ended: float
    timed_steps: int
    cpu_seconds: float


class StepClock:
    """Counts steps, and writes `StepTimes` as JSON when the last one has ended.

    Args:
        path: the file to write.
        warm_up_steps: first steps, which are not timed.
        total_steps: all steps, those of the warm-up included.
        synchronize: waits for the device; called at the edges of the timed range only.
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
            self._write(time.perf_counter(), time.process_time())

    def _write(self, ended: float, cpu_ended: float) -> None:
        times = StepTimes(
            first_step_began=self.first_step_began,
            timing_began=self.timing_began,
            timing_ended=ended,
            timed_steps=self.total_steps - self.warm_up_steps,
            cpu_seconds=cpu_ended - self.cpu_began,
        )
        self.path.write_text(json.dumps(asdict(times)))


class StepTimer(Callback):
    """A Lightning callback that writes the `StepTimes` of a fit.

    Args:
        path: the JSON file to write.
        warm_up_steps: first steps, which are not timed.
        total_steps: all steps of the fit; its Trainer may count epochs instead.
    """

    def __init__(self, path: str, warm_up_steps: int, total_steps: int) -> None:
        self.path = Path(path)
        self.warm_up_steps = warm_up_steps
        self.total_steps = total_steps
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

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        assert self.clock is not None
        self.clock.end_step()


def device_synchronizer(device: torch.device) -> Callable[[], None]:
    """A function that returns once the device has done all it was given."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None
