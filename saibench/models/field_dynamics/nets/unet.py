"""A small U-Net (Ronneberger et al. 2015) with periodic boundaries, in one or two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from saibench.errors import UserError
from saibench.models.field_dynamics.nets.inputs import stacked
from saibench.models.global_state import preserved_global_state
from saibench.models.latent.space import LatentLayer
from saibench.options import Count

CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
POOLS: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d}


class UNet(nn.Module):
    """Convolutions on grids that halve and double again, with connections of equal grids.

    Args:
        width: channels on the finest grid; each coarser one has twice as many.
        depth: number of coarser grids.
        channels, grid, parameters, history, seed: as of `FNO`.

    Raises:
        UserError: a side of the grid is no multiple of 2^depth, or there are other than one or two
            dimensions.
    """

    def __init__(
        self,
        width: Count = 24,
        depth: Count = 3,
        channels: Sequence[str] = ("u",),
        grid: Sequence[int] = (64,),
        parameters: Sequence[str] = (),
        history: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if len(grid) not in CONVOLUTIONS or any(points % 2**depth for points in grid):
            raise UserError(
                f"model.net: a U-Net of depth {depth} needs a grid of one or two dimensions whose "
                f"sides are multiples of {2**depth}. The data have "
                + (f"{list(grid)}." if grid else "none. Use model=mlp.")
            )
        axes, inputs = len(grid), len(channels) * history + len(parameters)
        with preserved_global_state():
            torch.manual_seed(seed)
            widths = [width * 2**level for level in range(depth + 1)]
            self.down = nn.ModuleList(
                _block(axes, before, after)
                for before, after in zip([inputs, *widths], widths, strict=False)
            )
            self.up = nn.ModuleList(
                _block(axes, widths[level] + widths[level + 1], widths[level])
                for level in reversed(range(depth))
            )
            self.last = CONVOLUTIONS[axes](width, len(channels), 1)
        self.pool = POOLS[axes](2)

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`, standardised."""
        state, finer = stacked(fields, parameters), []
        for level, block in enumerate(self.down):
            state = block(self.pool(state) if level else state)
            finer.append(state)
        for block, same in zip(self.up, reversed(finer[:-1]), strict=True):
            state = interpolate(state, scale_factor=2.0, mode="nearest")
            state = block(torch.cat([same, state], dim=1))
        return self.last(state)

    def latent_layers(self) -> list[LatentLayer]:
        """Features before the last convolution, averaged over the grid."""
        return [LatentLayer(self.last, lambda features: features.flatten(2).mean(dim=2))]


def _block(axes: int, before: int, after: int) -> nn.Sequential:
    options = {"kernel_size": 3, "padding": 1, "padding_mode": "circular"}
    convolution = CONVOLUTIONS[axes]
    return nn.Sequential(
        convolution(before, after, **options), nn.GELU(),
        convolution(after, after, **options), nn.GELU(),
    )  # fmt: skip
