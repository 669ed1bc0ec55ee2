"""Spread of a score over repeated stochastic predictions of the same event."""

from __future__ import annotations

import torch
from torch import Tensor

from saibench.metrics.nowcasting.functional.formulas import FENCE, beyond_fences


def spread_over_draws(values: Tensor, fence: float = FENCE) -> dict[str, Tensor]:
    """Mean, spread and outliers of each event's draws (fig. 20).

    A draw is an outlier if it is more than `fence` interquartile ranges below the first or above
    the third quartile of its event's draws (Tukey's fences; 1.5 are the whiskers of a box plot).

    Args:
        values: (E, D, L), NaN if a draw is missing or its score undefined.
        fence: a multiple of the interquartile range.

    Returns:
        "mean", "std" (ddof=1), "lowest", "highest": (E, L) float64, NaN with too few draws;
        "count": (E, L) int64, number of draws with a defined score; "outliers": (E, D, L) bool.

    >>> values = torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0]).reshape(1, 5, 1)
    >>> spread = spread_over_draws(values)
    >>> spread["mean"].item(), spread["highest"].item(), spread["outliers"].flatten().tolist()
    (22.0, 100.0, [False, False, False, False, True])
    """
    values = values.double()
    defined = ~values.isnan()
    count = defined.sum(dim=1)
    mean = torch.where(defined, values, 0.0).sum(dim=1) / count
    squares = torch.where(defined, values - mean.unsqueeze(1), 0.0).square().sum(dim=1)
    lowest = torch.where(defined, values, torch.inf).amin(dim=1)
    highest = torch.where(defined, values, -torch.inf).amax(dim=1)
    first, third = torch.nanquantile(
        values, torch.tensor([0.25, 0.75], dtype=values.dtype, device=values.device), dim=1
    )
    return {
        "mean": mean,
        "std": torch.where(count > 1, squares / (count - 1), torch.nan).sqrt(),
        "lowest": torch.where(count > 0, lowest, torch.nan),
        "highest": torch.where(count > 0, highest, torch.nan),
        "count": count,
        "outliers": beyond_fences(values, first.unsqueeze(1), third.unsqueeze(1), fence),
    }
