"""Errors of the trend in the four quadrants of fig. 19."""

from __future__ import annotations

import torch
from torch import Tensor

from saibench.metrics.nowcasting.functional.formulas import QUADRANTS, Trend, quadrant_members

NUM_CELLS = len(QUADRANTS) + 1


def trend_sums(trend: Trend) -> tuple[Tensor, Tensor, Tensor]:
    """Summed errors of the predicted trend and number of events in each quadrant.

    Args:
        trend: (B, K) each, mm/h, NaN if undefined.

    Returns:
        absolute errors (K, 5) and signed errors, predicted minus observed, (K, 5), float64, and
        counts (K, 5), int64. The fifth column is for pairs on an axis: one of the trends is 0.
    """
    observed, predicted = trend
    error = predicted - observed
    defined = ~error.isnan()
    on_axis = (observed == 0) | (predicted == 0)
    cells = torch.stack([*quadrant_members(observed, predicted), on_axis], dim=-1)
    member = cells & defined.unsqueeze(-1)
    errors = torch.where(member, error.unsqueeze(-1), 0.0)
    return errors.abs().sum(dim=0), errors.sum(dim=0), member.sum(dim=0)


def trend_errors(absolute: Tensor, signed: Tensor, counts: Tensor) -> dict[str, Tensor]:
    """Value of `DifferentialTrend` from the sums of `trend_sums`."""
    count = counts.sum(dim=-1)
    quadrants = counts[:, :-1]
    return {
        "mae": absolute.sum(dim=-1) / count,
        "bias": signed.sum(dim=-1) / count,
        "count": count,
        "quadrant_count": quadrants,
        "quadrant_mae": absolute[:, :-1] / quadrants,
        "quadrant_bias": signed[:, :-1] / quadrants,
        "on_axis": counts[:, -1],
    }
