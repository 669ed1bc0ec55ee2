"""How much better than a pendulum at rest a prediction is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


def skill(squared_error: Any, squared: Any) -> Any:
    """One less the mean squared error over that of no swing at all: 1 is perfect, 0 is useless."""
    return 1 - squared_error / squared


class Skill(Metric):
    """`skill` of angles, of which `preds` and `target` have one shape, in one unit."""

    full_state_update = False
    squared_error: Tensor
    squared: Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in ("squared_error", "squared"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), "sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.squared_error += (preds - target).double().square().sum()
        self.squared += target.double().square().sum()

    def compute(self) -> Tensor:
        return skill(self.squared_error, self.squared)
