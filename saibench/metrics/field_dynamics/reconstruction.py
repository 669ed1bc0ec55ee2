"""The error of the Common Task Framework for reconstructed fields."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saibench.metrics.field_dynamics.by_lead import REFUSALS
from saibench.metrics.strict import StrictMetric


class ReconstructionError(StrictMetric):
    """Error in percent of all frames as one matrix of (time, values), E3 and E5 of ctf4science.

    Args:
        values: F = C times the points of the grid.
        kwargs: those of `torchmetrics.Metric`.

    `update(preds, target)` takes `(B, L, C, *grid)`. `compute()` returns "official", the ratio
    of the largest singular values of the error and of the truth, "l2", that of their Frobenius
    norms, and "frames", their number. An infinite prediction makes both infinite.

    Raises:
        ValueError: shapes do not match; a predicted value is NaN; a true one is not finite.

    >>> metric = ReconstructionError(values=2)
    >>> target = torch.tensor([[3.0, 0.0], [0.0, 4.0]]).view(1, 2, 1, 2)
    >>> metric.update(torch.zeros_like(target), target)
    >>> metric.compute()["l2"]
    tensor(100., dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = False
    refusals = REFUSALS
    unit = "%"
    per = "partition"

    of_error: Tensor
    of_truth: Tensor
    infinite: Tensor
    frames: Tensor

    def __init__(self, values: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.values = values
        for name in ("of_error", "of_truth"):
            self.add_state(name, torch.zeros(values, values, dtype=torch.float64), "sum")
        self.add_state("infinite", torch.tensor(0), "sum")
        self.add_state("frames", torch.tensor(0), "sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        own, true = (fields.flatten(2).flatten(0, 1).double() for fields in (preds, target))
        if own.shape != true.shape or own.shape[1] != self.values:
            raise ValueError(
                f"Fields {tuple(preds.shape)} and {tuple(target.shape)} must be equal and have "
                f"{self.values} values per frame."
            )
        with torch.no_grad():
            self.refuse(torch.stack([own.isnan().sum(), (~true.isfinite()).sum()]))
            error = torch.where(own.isfinite(), own - true, 0.0)
            self.of_error += error.T @ error
            self.of_truth += true.T @ true
            self.infinite += own.isinf().sum()
        self.frames += len(own)

    def compute(self) -> dict[str, Tensor]:
        self.raise_if_refused()
        official = _largest(self.of_error) / _largest(self.of_truth)
        l2 = (self.of_error.trace() / self.of_truth.trace()).sqrt()
        failed = self.infinite > 0
        found = {name: torch.where(failed, torch.inf, 100 * ratio)
                 for name, ratio in (("official", official), ("l2", l2))}  # fmt: skip
        return {**found, "frames": self.frames}


def _largest(gram: Tensor) -> Tensor:
    """Largest singular value of a matrix A with this AᵀA."""
    return torch.linalg.eigvalsh(gram)[-1].clamp(min=0).sqrt()
