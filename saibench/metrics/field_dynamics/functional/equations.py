"""Right-hand sides of the equations of built-in data, in Fourier space: u_t = L u + N(u).

Spectra are of `torch.fft.rfftn` over the axes of the grid, `(B, T, C, *K)`. The products of N have
the 2/3 rule against aliasing, as in the solvers. All is in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FORCED_WAVES = 4
"""Waves of the Kolmogorov forcing along y."""


@dataclass(frozen=True)
class SpectralEquation:
    """u_t = L u + N(u) on a periodic grid.

    Args:
        grid: points along each axis.
        wavenumber: `(*K)`, the length of the wave vectors.
        linear: `(B, 1, 1, *K)`, the factors L of the waves.
        nonlinear: spectrum of u → spectrum of N(u).
        velocity: spectrum of u → components `(B, T, D, *grid)` of the velocity that carries it.
    """

    grid: tuple[int, ...]
    wavenumber: Tensor
    linear: Tensor
    nonlinear: Callable[[Tensor], Tensor]
    velocity: Callable[[Tensor], Tensor]

    def spectrum(self, fields: Tensor) -> Tensor:
        """Of fields `(B, T, C, *grid)`."""
        return torch.fft.rfftn(fields.double(), dim=self._axes)

    def fields(self, spectrum: Tensor) -> Tensor:
        """The inverse of `spectrum`."""
        return torch.fft.irfftn(spectrum, s=self.grid, dim=self._axes)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.grid), 0))


def kuramoto_sivashinsky(
    grid: Sequence[int], lengths: Sequence[float], parameters: Mapping[str, Tensor]
) -> SpectralEquation:
    """u_t = −u_xx − μ u_xxxx − (u²/2)_x.

    Args:
        grid: `(N,)`.
        lengths: of the domain.
        parameters: `mu` `(B,)`.
    """
    mu = parameters["mu"].double()
    (points,) = grid
    waves = torch.arange(points // 2 + 1, dtype=torch.float64, device=mu.device)
    wavenumber = 2 * math.pi / lengths[0] * waves
    derivative = torch.where(waves < points / 3, -0.5j * wavenumber, 0)

    def field(spectrum: Tensor) -> Tensor:
        return torch.fft.irfft(spectrum, n=points)

    def nonlinear(spectrum: Tensor) -> Tensor:
        return derivative * torch.fft.rfft(field(spectrum).square())

    linear = wavenumber**2 - mu.view(-1, 1, 1, 1) * wavenumber**4
    return SpectralEquation((points,), wavenumber, linear, nonlinear, velocity=field)


def navier_stokes(
    grid: Sequence[int],
    lengths: Sequence[float],
    parameters: Mapping[str, Tensor],
    forcing: float = 0.0,
) -> SpectralEquation:
    """ω_t = ν Δω + F cos(4y) − v·∇ω, of the vorticity ω on a square; y is the first axis.

    Args:
        grid: `(N, N)`.
        lengths: of the sides, 2π.
        parameters: `viscosity` `(B,)`.
        forcing: F.
    """
    viscosity = parameters["viscosity"].double()
    rows, points = grid
    x = torch.arange(points // 2 + 1, dtype=torch.float64, device=viscosity.device)
    y = torch.fft.fftfreq(rows, 1 / rows, dtype=torch.float64, device=viscosity.device)[:, None]
    kept = (x < points / 3) & (y.abs() < rows / 3)
    x, y = 2 * math.pi / lengths[1] * x, 2 * math.pi / lengths[0] * y
    squared = x**2 + y**2
    inverse = torch.where(squared > 0, 1 / squared.clamp(min=1e-300), 0)
    place = torch.arange(rows, dtype=torch.float64, device=viscosity.device) / rows
    force = forcing * torch.cos(2 * math.pi * FORCED_WAVES * place)
    forced = torch.fft.rfft2(force[:, None].expand(rows, points))

    def field(spectrum: Tensor) -> Tensor:
        return torch.fft.irfft2(spectrum, s=(rows, points))

    def velocity(spectrum: Tensor) -> Tensor:
        stream = 1j * inverse * spectrum
        return field(torch.cat([y * stream, -x * stream], dim=2))

    def nonlinear(spectrum: Tensor) -> Tensor:
        gradient = field(torch.cat([1j * x * spectrum, 1j * y * spectrum], dim=2))
        advected = (velocity(spectrum) * gradient).sum(dim=2, keepdim=True)
        return forced - kept * torch.fft.rfft2(advected)

    linear = -viscosity.view(-1, 1, 1, 1, 1) * squared
    return SpectralEquation((rows, points), squared.sqrt(), linear, nonlinear, velocity)


EQUATIONS: Mapping[str, Callable[..., SpectralEquation]] = {
    "kuramoto_sivashinsky": kuramoto_sivashinsky,
    "navier_stokes": navier_stokes,
}
"""By the name that data state."""
