"""Where a net represents a sample: its latent space, read from its activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from saibench.errors import UserError
from saibench.evidence.statistic import Axis


def _itself(features: Any) -> Any:
    return features


@dataclass(frozen=True)
class LatentLayer:
    """Features that a submodule of a net gets as its first argument.

    Args:
        module: the submodule, such as the last linear layer.
        read: its first argument → `(R, D)`: R is the number of samples, or of all their parts.
    """

    module: nn.Module
    read: Callable[[Any], Tensor] = _itself


@dataclass(frozen=True)
class LatentSpace:
    """The latent representation of a model's samples.

    Args:
        layers: their features, one after another, are the representation.
        describe: one clause for tables, such as `invariants of the atoms in all layers`.
        last: what the last linear layer gets: the prediction is a linear function of it, or of its
            sum over the parts. None if there is no such layer.
        groups: `(P,)` group of each of a sample's P parts (the species of its atoms): parts are
            compared within their group. None if a sample has one part.
        part_axis, group_axis: tables of the values by part and by group, if there are parts.
    """

    layers: Sequence[LatentLayer]
    describe: str
    last: LatentLayer | None = None
    groups: Tensor | None = None
    part_axis: Axis | None = None
    group_axis: Axis | None = None

    @property
    def parts(self) -> int:
        """P, the number of parts of a sample."""
        return 1 if self.groups is None else len(self.groups)


class Captured(NamedTuple):
    """Features of a forward.

    Args:
        features: `(B, P, D)`, the latent representation.
        last: `(B, D)` float64, what the last layer gets, summed over the parts; None without one.
    """

    features: Tensor
    last: Tensor | None


class LatentCapture:
    """Keeps the features of a net's first forward after each `clear`, within a `with` block.

    Args:
        space: the layers to read.
    """

    def __init__(self, space: LatentSpace) -> None:
        self.space = space
        self._layers = [*space.layers, *([] if space.last is None else [space.last])]
        self._found: dict[int, Tensor] = {}
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> LatentCapture:
        self._hooks = [
            layer.module.register_forward_pre_hook(self._hook(number, layer.read))
            for number, layer in enumerate(self._layers)
        ]
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self.clear()

    def clear(self) -> None:
        """Forget the features; the next forward is read."""
        self._found.clear()

    def read(self, samples: int) -> Captured:
        """The features of the captured forward.

        Args:
            samples: B.

        Raises:
            UserError: the net did not call a layer, or with other features.
        """
        count = len(self.space.layers)
        shape = (samples, self.space.parts, -1)
        features = torch.cat([self._rows(number, samples) for number in range(count)], dim=1)
        if self.space.last is None:
            return Captured(features.reshape(shape), None)
        last = self._rows(count, samples).double().reshape(shape).sum(dim=1)
        return Captured(features.reshape(shape), last)

    def _rows(self, number: int, samples: int) -> Tensor:
        """`(R, D)` features of a layer, R being the samples, or all their parts."""
        found, rows = self._found.get(number), samples * self.space.parts
        if found is not None and found.ndim == 2 and len(found) == rows:
            return found
        given = "nothing" if found is None else f"a tensor of shape {tuple(found.shape)}"
        name = type(self._layers[number].module).__name__
        raise UserError(
            f"latent_layers() or last_layer() of the net: {name} got {given}. Use a layer that "
            f"gets ({rows}, D) features for {samples} samples."
        )

    def _hook(self, number: int, read: Callable[[Any], Tensor]) -> Callable[..., None]:
        def keep(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            if number not in self._found:
                self._found[number] = read(arguments[0]).detach()

        return keep
