"""A multilayer perceptron, for systems without a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from saibench.models.global_state import preserved_global_state
from saibench.models.latent.space import LatentLayer
from saibench.options import Count


class MLP(nn.Module):
    """Fully connected layers over all values of the frames.

    Args:
        width: features of a hidden layer.
        layers: number of hidden layers.
        channels, grid, parameters, history, seed: as of `FNO`.
    """

    def __init__(
        self,
        width: Count = 128,
        layers: Count = 3,
        channels: Sequence[str] = ("u",),
        grid: Sequence[int] = (),
        parameters: Sequence[str] = (),
        history: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.shape = (len(channels), *grid)
        values = math.prod(self.shape)
        sizes = [values * history + len(parameters), *[width] * layers]
        with preserved_global_state():
            torch.manual_seed(seed)
            hidden = [
                part
                for before, after in pairwise(sizes)
                for part in (nn.Linear(before, after), nn.GELU())
            ]
            self.hidden = nn.Sequential(*hidden)
            self.last = nn.Linear(width, values)

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`, standardised."""
        inputs = torch.cat([fields.flatten(1), parameters], dim=1)
        return self.last(self.hidden(inputs)).view(len(fields), *self.shape)

    def latent_layers(self) -> list[LatentLayer]:
        """Features before the last layer."""
        return [LatentLayer(self.last)]
