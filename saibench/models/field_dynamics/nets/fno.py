"""The Fourier neural operator (Li et al. 2021) of neuraloperator."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from saibench.errors import UserError
from saibench.models.field_dynamics.nets.inputs import stacked
from saibench.models.global_state import preserved_global_state
from saibench.models.latent.space import LatentLayer
from saibench.options import Count

METADATA = "_metadata"
"""Settings that neuraloperator adds to its `state_dict`, among them functions, which a checkpoint
of tensors and builtins cannot hold."""


class FNO(nn.Module):
    """A Fourier neural operator that predicts the next frame on a grid of any resolution.

    Args:
        modes: Fourier modes kept along each axis of the grid.
        width: hidden channels.
        layers: number of Fourier layers.
        grid_embedding: append the coordinates of the grid, as neuraloperator does by default. The
            net is then not translation-equivariant.
        channels: names of the fields.
        grid: points along each axis.
        parameters: names of the parameters.
        history: observed frames, the last ones; those of the data by default.
        seed: of the initial weights.

    Raises:
        UserError: neuraloperator is not installed, or the data have no grid.
    """

    def __init__(
        self,
        modes: Count = 16,
        width: Count = 32,
        layers: Count = 4,
        grid_embedding: bool = False,
        channels: Sequence[str] = ("u",),
        grid: Sequence[int] = (64,),
        parameters: Sequence[str] = (),
        history: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not grid:
            raise UserError("model.net: an FNO needs a grid, which the data lack. Use model=mlp.")
        self.history = history
        with preserved_global_state():
            torch.manual_seed(seed)
            self.mod = _library().FNO(
                n_modes=tuple(min(2 * modes, points) for points in grid),
                in_channels=len(channels) * history + len(parameters),
                out_channels=len(channels),
                hidden_channels=width,
                n_layers=layers,
                positional_embedding="grid" if grid_embedding else None,
            )
        self.register_state_dict_post_hook(_without_metadata)

    def forward(self, fields: Tensor, parameters: Tensor) -> Tensor:
        """The next frame `(B, C, *grid)`, standardised."""
        return self.mod(stacked(fields[:, -self.history :], parameters))

    def latent_layers(self) -> list[LatentLayer]:
        """Features before the projection, averaged over the grid."""
        return [LatentLayer(self.mod.projection, lambda features: features.flatten(2).mean(dim=2))]


def _without_metadata(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Remove the settings from a `state_dict`."""
    for name in [name for name in state if name.endswith(METADATA)]:
        del state[name]


def _library() -> Any:
    """The models of neuraloperator.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module("neuralop.models")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "neuralop":
            raise
        raise UserError(
            "FNO needs neuraloperator, which is not installed. Use pip install 'saibench[fields]'."
        ) from error
