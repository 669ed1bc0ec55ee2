"""An echo-state network (Jaeger 2001), with the memory of the observed frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saibench.models.field_dynamics.nets.sums import over_ranks
from saibench.options import Count, NotNegative, Positive


class EchoStateNetwork(nn.Module):
    """A random reservoir driven by the last frames from a state of zero, and a linear readout.

    r' = tanh(A r + B u); the readout sees r, with every second unit squared (Pathak et al. 2018),
    the last frame and a constant. `datamodule.history` frames drive it, so that its memory is no
    longer than those.

    Args:
        units: of the reservoir.
        radius: spectral radius of A.
        input_scale: bound of the uniform weights of B.
        degree: connections of a unit in A.
        ridge: added to the diagonal of the normal equations, relative to its mean.
        channels, grid, history: of the data.
        seed: of A and B.
    """

    inner: Tensor
    inputs: Tensor
    squares: Tensor
    products: Tensor
    weights: Tensor

    def __init__(
        self,
        units: Count = 500,
        radius: Positive = 0.6,
        input_scale: Positive = 0.1,
        degree: Count = 6,
        ridge: NotNegative = 1e-8,
        channels: Sequence[str] = ("u",),
        grid: Sequence[int] = (),
        history: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.ridge, self.shape = ridge, (len(channels), *grid)
        values = math.prod(self.shape)
        generator = torch.Generator().manual_seed(seed)
        kept = torch.rand(units, units, generator=generator) < degree / units
        matrix = torch.where(kept, 2 * torch.rand(units, units, generator=generator) - 1, 0.0)
        largest = torch.linalg.eigvals(matrix.double()).abs().max().clamp(min=1e-12)
        self.register_buffer("inner", (matrix * (radius / largest)).float())
        inputs = input_scale * (2 * torch.rand(units, values, generator=generator) - 1)
        self.register_buffer("inputs", inputs)
        features = units + values + 1
        for name, columns in (("squares", features), ("products", values), ("weights", values)):
            self.register_buffer(name, torch.zeros(features, columns, dtype=torch.float64))

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`, standardised; parameters are unused."""
        found = self._features(fields) @ self.weights
        return found.to(fields.dtype).view(len(fields), *self.shape)

    def accumulate(self, fields: Tensor, parameters: Tensor, frame: Tensor) -> None:
        """Add the samples of all ranks to the normal equations."""
        features = self._features(fields)
        self.squares += over_ranks(features.T @ features)
        self.products += over_ranks(features.T @ frame.double().flatten(1))

    def solve(self) -> None:
        """Set the weights to the solution of the normal equations."""
        squares = self.squares
        added = self.ridge * squares.diagonal().mean() + torch.finfo(torch.float64).tiny
        unit = torch.eye(len(squares), dtype=squares.dtype, device=squares.device)
        self.weights.copy_(torch.linalg.solve(squares + added * unit, self.products))

    def _features(self, fields: Tensor) -> Tensor:
        """`(B, units + values + 1)` of the frames `(B, H, C, *grid)`."""
        frames = fields.flatten(2)
        state = frames.new_zeros(len(frames), len(self.inner))
        for frame in frames.unbind(dim=1):
            state = torch.tanh(state @ self.inner.T + frame @ self.inputs.T)
        squared = torch.where(torch.arange(state.shape[1], device=state.device) % 2 == 0,
                              state, state.square())  # fmt: skip
        ones = torch.ones_like(state[:, :1])
        return torch.cat([squared, frames[:, -1], ones], dim=1).double()
