"""Skill of a prediction against a pendulum at rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


def skill(squared_error: Any, squared: Any) -> Any:
    """Return 1 - MSE / MSE of a pendulum at rest: 1 is perfect, 0 no better than at rest."""
    return 1 - squared_error / squared


class Skill(Metric):
    """`skill` of angles; `preds` and `target` have equal shape and unit."""

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
