"""Errors by wavenumber, of fields `(B, L, C, *grid)` that are periodic along all axes of the grid.

A wavenumber is a number of waves per domain. By Parseval's theorem the powers of all wavenumbers
sum to the mean square over the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from saibench.metrics.functional.checks import difference

BANDS = {"low": (0, 4), "middle": (4, 12), "high": (12, None)}
"""Bands of wavenumbers from the first to below the second number, as in PDEBench (Takamoto et al.
2022, appendix B)."""
SPECTRUM_FLOOR = 1e-6
"""Share of the total power below which a wavenumber has no influence on `spectrum_distance`."""


class ErrorParts(NamedTuple):
    """Parts of the mean squared error of a frame, `(B, L)` each."""

    amplitude: Tensor
    phase: Tensor


def coefficients(fields: Tensor) -> Tensor:
    """Fourier coefficients `(B, L, C, *grid)`, whose squared magnitudes sum to the mean square."""
    axes = tuple(range(3, fields.ndim))
    return torch.fft.fftn(fields.double(), dim=axes, norm="forward")


def whole_wavenumbers(grid: Sequence[int]) -> Tensor:
    """Wavenumber of each coefficient, rounded down to an integer, `(*grid)`."""
    squared = torch.zeros(tuple(grid), dtype=torch.float64)
    for axis, points in enumerate(grid):
        waves = torch.fft.fftfreq(points, 1 / points, dtype=torch.float64)
        squared += waves.square().view([-1 if one == axis else 1 for one in range(len(grid))])
    return torch.sqrt(squared).floor().long()


def num_wavenumbers(grid: Sequence[int]) -> int:
    """Number of wavenumbers that the shortest axis resolves, with 0."""
    return min(grid) // 2 + 1


def power_by_wavenumber(fields: Tensor) -> Tensor:
    """Power `(B, L, C, K)` of the wavenumbers 0, 1, …; the last also has all larger ones."""
    return _summed(coefficients(fields).abs().square())


def error_power(preds: Tensor, target: Tensor) -> Tensor:
    """Power of the error by wavenumber `(B, L, C, K)`; sums to the mean squared error."""
    return power_by_wavenumber(difference(preds, target, "fields"))


def band_rmse(preds: Tensor, target: Tensor) -> Tensor:
    """Root mean squared error of each of `BANDS`, `(B, L, bands)`, mean over channels.

    The squares sum to the mean squared error. (PDEBench averages coefficients over samples and over
    the wavenumbers of a band, so that its values are those of a data set.) A band that the grid
    lacks has 0.
    """
    power = error_power(preds, target)
    parts = [power[..., first:last].sum(dim=-1) for first, last in BANDS.values()]
    return torch.stack(parts, dim=-1).sqrt().mean(dim=2)


def amplitude_and_phase(preds: Tensor, target: Tensor) -> ErrorParts:
    r"""The mean squared error of a frame, divided into errors of amplitude and of phase.

    Of each wave with coefficients a (predicted) and b (true),

    .. math:: |a - b|^2 = (|a| - |b|)^2 + 2 |a| |b| (1 - \cos \Delta\varphi).

    Summed over waves, mean over channels.
    """
    own, true = coefficients(preds), coefficients(target)
    amplitude = (own.abs() - true.abs()).square()
    phase = (own - true).abs().square() - amplitude
    axes = tuple(range(3, preds.ndim))
    return ErrorParts(amplitude.sum(dim=axes).mean(dim=2), phase.sum(dim=axes).mean(dim=2))


def spectrum_distance(preds: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the logarithms of two spectra `(B,)`.

    Spectra are means over the frames; each wavenumber gets `SPECTRUM_FLOOR` of the true power, so
    that waves of rounding errors do not matter. It compares the statistics of a chaotic system
    where frames cannot agree.
    """
    own, true = (power_by_wavenumber(fields).mean(dim=1) for fields in (preds, target))
    floor = SPECTRUM_FLOOR * true.sum(dim=-1, keepdim=True)
    return ((own + floor).log() - (true + floor).log()).abs().mean(dim=(1, 2))


def _summed(power: Tensor) -> Tensor:
    grid = power.shape[3:]
    last = num_wavenumbers(grid) - 1
    place = whole_wavenumbers(grid).clamp(max=last).flatten().to(power.device)
    found = power.new_zeros((*power.shape[:3], last + 1))
    return found.index_add(-1, place, power.flatten(3))
