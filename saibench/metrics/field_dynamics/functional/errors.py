"""Errors of predicted fields, one value per sample and lead.

Fields are `(B, L, C, *grid)`: samples, predicted frames, channels and points. Without a grid, the
channels are the points of one field. Sums are in double precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

from saibench.metrics.functional.checks import difference

VARIANCE_FLOOR = 1e-7
"""Added to the variance of the truth by The Well (Ohana et al. 2024, eq. 1)."""
VALID_ERROR = 0.5
"""Error in standard deviations up to which a forecast is valid (Vlachas et al. 2020)."""


def flat_points(fields: Tensor) -> Tensor:
    """`(B, L, C, points)`, or `(B, L, 1, C)` without a grid.

    Raises:
        ValueError: fewer than three axes.
    """
    if fields.ndim < 3:
        raise ValueError(f"Fields {tuple(fields.shape)} must have the shape (B, L, C, *grid).")
    return fields.unsqueeze(2) if fields.ndim == 3 else fields.flatten(3)


def mean_squared_error(preds: Tensor, target: Tensor) -> Tensor:
    """`(B, L, C)` mean over the points of the squared error."""
    return flat_points(difference(preds, target, "fields")).square().mean(dim=-1)


def vrmse(preds: Tensor, target: Tensor) -> Tensor:
    r"""Root mean squared error over the standard deviation of the truth, mean over channels.

    .. math:: \sqrt{\langle (x - y)^2 \rangle / (\mathrm{var}(y) + 10^{-7})}

    with the mean and the unbiased variance over the points of a frame: The Well's VRMSE. A frame
    predicted by its mean has about 1.

    Args:
        preds: `(B, L, C, *grid)`.
        target: of the same shape.

    Returns:
        `(B, L)`.
    """
    variance = flat_points(target.double()).var(dim=-1, correction=1)
    error = mean_squared_error(preds, target)
    return torch.sqrt(error / (variance + VARIANCE_FLOOR)).mean(dim=2)


def nrmse(preds: Tensor, target: Tensor) -> Tensor:
    """Relative L2 error of each frame `(B, L)`, mean over channels: PDEBench's nRMSE.

    It is the root mean squared error over the root mean square of the truth; of a frame of zeros
    it is infinite, unless the prediction is zero as well (0).
    """
    size = flat_points(target.double()).square().mean(dim=-1)
    error = mean_squared_error(preds, target)
    return torch.where(error > 0, torch.sqrt(error / size), error).mean(dim=2)


def relative_l2(preds: Tensor, target: Tensor) -> Tensor:
    """‖x − y‖ / ‖y‖ over all frames, channels and points of a forecast, `(B,)`."""
    error = difference(preds, target, "fields").flatten(1).square().sum(dim=1)
    return torch.sqrt(error / target.double().flatten(1).square().sum(dim=1))


def standardised_error(preds: Tensor, target: Tensor, std: Tensor) -> Tensor:
    """Root mean squared error `(B, L)` in standard deviations `(C,)` of the channels."""
    error = difference(preds, target, "fields").square()
    variance = std.double().square().view(1, 1, -1, *[1] * (preds.ndim - 3))
    return torch.sqrt((error / variance).flatten(2).mean(dim=2))


def valid_leads(errors: Tensor, limit: float = VALID_ERROR) -> Tensor:
    """Number of leads `(B,)` before the error first exceeds the limit, or is not finite.

    Args:
        errors: `(B, L)`.
        limit: in the unit of the errors.

    >>> valid_leads(torch.tensor([[0.1, 0.6, 0.2], [0.1, 0.2, 0.3]]))
    tensor([1, 3])
    """
    within = (errors <= limit).long()  # False for NaN
    return within.cumprod(dim=1).sum(dim=1)


def mean_drift(preds: Tensor, target: Tensor) -> Tensor:
    """Absolute difference of the means over the grid `(B, L)`, mean over channels.

    The mean is conserved by the Kuramoto–Sivashinsky equation and that of the vorticity.
    """
    return difference(preds, target, "fields").flatten(3).mean(dim=3).abs().mean(dim=2)


def energy(fields: Tensor) -> Tensor:
    """Half the mean square over the grid, summed over channels, `(B, L)`."""
    return flat_points(fields.double()).square().mean(dim=-1).sum(dim=2) / 2
