"""The best linear propagator of periodic fields."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saibench.models.field_dynamics.nets.sums import over_ranks
from saibench.options import NotNegative


class LinearPropagator(nn.Module):
    """The next frame as a linear function of the last ones, fitted by least squares.

    On a periodic grid the map commutes with translations: each wavenumber has its own complex
    matrix from the channels of the last frames to those of the next, which is dynamic mode
    decomposition (Schmid 2010) restricted to such maps. Without a grid it is one matrix. A constant
    is fitted as well.

    Args:
        ridge: added to the diagonal of the normal equations, relative to its mean.
        channels, grid, history: of the data.
    """

    squares: Tensor
    products: Tensor
    weights: Tensor

    def __init__(
        self,
        ridge: NotNegative = 1e-6,
        channels: Sequence[str] = ("u",),
        grid: Sequence[int] = (64,),
        history: int = 1,
    ) -> None:
        super().__init__()
        self.ridge, self.axes = ridge, tuple(range(-len(grid), 0))
        self.grid = tuple(grid)
        inputs, waves = len(channels) * history + 1, self._num_waves()
        for name, columns in (("squares", inputs), ("products", len(channels))):
            shape = (waves, inputs, columns, 2)  # real and imaginary part
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        weights = torch.zeros(waves, inputs, len(channels), 2, dtype=torch.float64)
        self.register_buffer("weights", weights)

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`, standardised; parameters are unused."""
        weights = torch.view_as_complex(self.weights)
        spectrum = torch.einsum("bki,kio->bko", self._inputs(fields), weights)
        return self._field(spectrum).to(fields.dtype)

    def accumulate(self, fields: Tensor, parameters: Tensor, frame: Tensor) -> None:
        """Add the samples of all ranks to the normal equations."""
        inputs, outputs = self._inputs(fields), self._spectrum(frame)
        adjoint = inputs.conj()
        squares = torch.einsum("bki,bkj->kij", adjoint, inputs)
        products = torch.einsum("bki,bko->kio", adjoint, outputs)
        self.squares += over_ranks(torch.view_as_real(squares))
        self.products += over_ranks(torch.view_as_real(products))

    def solve(self) -> None:
        """Set the weights to the solution of the normal equations."""
        squares, products = map(torch.view_as_complex, (self.squares, self.products))
        size = squares.diagonal(dim1=1, dim2=2).real.mean(dim=1)
        unit = torch.eye(squares.shape[1], dtype=squares.dtype, device=squares.device)
        added = (self.ridge * size + torch.finfo(torch.float64).tiny)[:, None, None] * unit
        self.weights.copy_(torch.view_as_real(torch.linalg.solve(squares + added, products)))

    def _inputs(self, fields: Tensor) -> Tensor:
        """`(B, K, H C + 1)`: the last frames, and a constant at wavenumber 0."""
        spectrum = self._spectrum(fields.flatten(1, 2))
        constant = torch.zeros_like(spectrum[..., :1])
        constant[:, 0] = 1.0
        return torch.cat([spectrum, constant], dim=-1)

    def _spectrum(self, frames: Tensor) -> Tensor:
        """`(B, K, C)` of `(B, C, *grid)`."""
        frames = frames.double()
        if not self.grid:
            return frames[:, None].to(torch.complex128)
        found = torch.fft.rfftn(frames, dim=self.axes, norm="forward")
        return found.flatten(2).transpose(1, 2)

    def _field(self, spectrum: Tensor) -> Tensor:
        if not self.grid:
            return spectrum[:, 0].real
        half = (*self.grid[:-1], self.grid[-1] // 2 + 1)
        waves = spectrum.transpose(1, 2).unflatten(2, half)
        return torch.fft.irfftn(waves, s=self.grid, dim=self.axes, norm="forward")

    def _num_waves(self) -> int:
        waves = 1
        for points in self.grid[:-1]:
            waves *= points
        return waves * (self.grid[-1] // 2 + 1) if self.grid else 1
