"""Errors of forecasts by lead, and the time for which a forecast is valid."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.field_dynamics.functional.errors import (
    VALID_ERROR,
    nrmse,
    standardised_error,
    valid_leads,
    vrmse,
)
from saibench.metrics.strict import StrictMetric

REFUSALS = ("predicted values that are NaN", "true values that are NaN or infinite")


class FieldErrorByLead(StrictMetric):
    """VRMSE and relative L2 error by lead, means over samples.

    A predicted value may be infinite, as after a rollout that blew up: the mean is then infinite.

    Args:
        num_leads: L.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target)` takes `(B, L, C, *grid)`. `compute()` returns "vrmse" and "nrmse", each
    `(L,)`, and "count", the number of samples.

    Raises:
        ValueError: shapes do not match; a predicted value is NaN; a true one is not finite.

    >>> metric = FieldErrorByLead(num_leads=2)
    >>> target = torch.tensor([1.0, -1.0, 1.0, -1.0]).expand(3, 2, 1, 4)
    >>> metric.update(torch.zeros_like(target), target)
    >>> metric.compute()["nrmse"]
    tensor([1., 1.], dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = False
    refusals = REFUSALS

    vrmse_sum: Tensor
    nrmse_sum: Tensor
    samples: Tensor

    def __init__(self, num_leads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_leads = num_leads
        for name in ("vrmse_sum", "nrmse_sum"):
            self.add_state(name, torch.zeros(num_leads, dtype=torch.float64), "sum")
        self.add_state("samples", torch.tensor(0), "sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        _check_leads(preds, self.num_leads)
        with torch.no_grad():
            self.refuse(_refused(preds, target))
            self.vrmse_sum += vrmse(preds, target).sum(dim=0)
            self.nrmse_sum += nrmse(preds, target).sum(dim=0)
        self.samples += len(preds)

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        return {
            "vrmse": self.vrmse_sum / self.samples,
            "nrmse": self.nrmse_sum / self.samples,
            "count": self.samples,
        }


class ValidTime(StrictMetric):
    """Mean time until the error of a forecast exceeds a limit, in the unit of `lead_time`.

    Args:
        std: `(C,)`, standard deviation of each channel.
        limit: error in standard deviations.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target, lead_time)` takes `(B, L, C, *grid)` and `(B,)`, the time between two
    frames of each sample, such as in Lyapunov times. `compute()` returns "time" and "count".

    >>> metric = ValidTime(std=[1.0])
    >>> target = torch.zeros(1, 3, 1, 8)
    >>> preds = torch.tensor([0.1, 0.2, 0.9]).view(1, 3, 1, 1).expand(1, 3, 1, 8)
    >>> metric.update(preds, target, torch.tensor([0.25]))
    >>> metric.compute()["time"]
    tensor(0.5000, dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True
    refusals = REFUSALS

    total: Tensor
    samples: Tensor

    def __init__(self, std: list[float], limit: float = VALID_ERROR, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.std = tuple(std)
        self.limit = limit
        self.add_state("total", torch.zeros((), dtype=torch.float64), "sum")
        self.add_state("samples", torch.tensor(0), "sum")

    def update(self, preds: Tensor, target: Tensor, lead_time: Tensor) -> None:
        with torch.no_grad():
            self.refuse(_refused(preds, target))
            std = torch.tensor(self.std, dtype=torch.float64, device=preds.device)
            leads = valid_leads(standardised_error(preds, target, std), self.limit)
            self.total += (leads * lead_time.double()).sum()
        self.samples += len(preds)

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        return {"time": self.total / self.samples, "count": self.samples}


def _refused(preds: Tensor, target: Tensor) -> Tensor:
    return torch.stack([preds.isnan().sum(), (~target.isfinite()).sum()])


def _check_leads(preds: Tensor, num_leads: int) -> None:
    if preds.ndim < 3 or preds.shape[1] != num_leads:
        raise ValueError(
            f"Fields {tuple(preds.shape)} must have the shape (B, {num_leads}, C, *grid)."
        )
