"""Batches of forecasts."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from saibench.datamodules.batch import TensorBatch
from saibench.datamodules.field_dynamics.transforms import FieldTransform


@dataclass(frozen=True)
class FieldBatch(TensorBatch):
    """B forecasts, in the unit of the data.

    Args:
        sample_id: `(B,)`.
        observed: `(B, H, C, *grid)`, the frames up to the start.
        target: `(B, L, C, *grid)`, the frames after it.
        parameters: `(B, P)` of the equation.
        lyapunov_time: `(B,)`; 1 where it is unknown.
        weight: of a sample in the loss.
        transform: applied to the frames, of a partition that tests a symmetry or noise.
        untransformed: `(B, H, C, *grid)`, the observed frames without it.
        measured: `(B, L, C, *grid)`, frames after the start, each of which may be used for the
            prediction of those after it; None for a forecast.
    """

    sample_id: Tensor
    observed: Tensor
    target: Tensor
    parameters: Tensor
    lyapunov_time: Tensor
    weight: float
    transform: FieldTransform | None = None
    untransformed: Tensor | None = None
    measured: Tensor | None = None
