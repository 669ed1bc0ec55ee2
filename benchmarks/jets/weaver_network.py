"""weaver's `--network-config`: the Particle Transformer of the task, with the same trimming.

weaver trims training batches to a random length; here a batch is trimmed to its longest jet, as by
every contestant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.jets.task import SEED, Task
from benchmarks.step_timer import StepClock, device_synchronizer
from saibench.models.jet_tagging.nets.particle_transformer import ParticleTransformer


class Timed(nn.Module):
    """Times training steps; a step ends when the next one begins.

    A step thus includes weaver's loss, accuracy and progress bar.
    """

    def __init__(self, task: Task, times_file: Path) -> None:
        super().__init__()
        self.task, self.times_file = task, times_file
        self.mod = ParticleTransformer(**task.net, seed=SEED).mod
        self.clock: StepClock | None = None

    def no_weight_decay(self) -> set[str]:
        return {"mod.cls_token"}

    def forward(self, points: Tensor, features: Tensor, vectors: Tensor, mask: Tensor) -> Tensor:
        if self.training:
            self._tick(features.device)
        longest = int(mask.sum(dim=-1).max())
        return self.mod(features[..., :longest], v=vectors[..., :longest], mask=mask[..., :longest])

    def _tick(self, device: torch.device) -> None:
        if self.clock is None:
            synchronize = device_synchronizer(device)
            task = self.task
            self.clock = StepClock(
                self.times_file, task.warm_up_steps, task.total_steps, synchronize
            )
            self.clock.begin_first_step()
        else:
            self.clock.end_step()


def get_model(
    data_config: Any, task_file: str, times_file: str, **_: Any
) -> tuple[nn.Module, dict[str, Any]]:
    shapes = {name: (1, *shape[1:]) for name, shape in data_config.input_shapes.items()}
    information = {"input_names": list(data_config.input_names), "input_shapes": shapes}
    return Timed(Task.load(Path(task_file)), Path(times_file)), information


def get_loss(data_config: Any, **_: Any) -> nn.Module:
    return nn.CrossEntropyLoss()
