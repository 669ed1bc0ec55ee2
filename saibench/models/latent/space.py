"""Where a net represents a sample: its latent space, read from its activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
        groups: `(P,)` group of each of a sample's P parts (the species of its atoms): parts are
            compared within their group. None if a sample has one part.
        part_axis, group_axis: tables of the values by part and by group, if there are parts.
    """

    layers: Sequence[LatentLayer]
    describe: str
    groups: Tensor | None = None
    part_axis: Axis | None = None
    group_axis: Axis | None = None

    @property
    def parts(self) -> int:
        """P, the number of parts of a sample."""
        return 1 if self.groups is None else len(self.groups)


class LatentCapture:
    """Keeps the features of a net's first forward after each `clear`, within a `with` block.

    Args:
        space: the layers to read.
    """

    def __init__(self, space: LatentSpace) -> None:
        self.space = space
        self._found: dict[int, Tensor] = {}
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> LatentCapture:
        self._hooks = [
            layer.module.register_forward_pre_hook(self._hook(number, layer.read))
            for number, layer in enumerate(self.space.layers)
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

    def features(self, samples: int) -> Tensor:
        """`(B, P, D)` of the captured forward.

        Args:
            samples: B.

        Raises:
            UserError: the net did not call a layer, or with other features.
        """
        rows = samples * self.space.parts
        read = []
        for number, layer in enumerate(self.space.layers):
            found = self._found.get(number)
            if found is None or found.ndim != 2 or len(found) != rows:
                given = "nothing" if found is None else f"a tensor of shape {tuple(found.shape)}"
                raise UserError(
                    f"latent_layers() of the net: {type(layer.module).__name__} got {given}. "
                    f"Use a layer that gets ({rows}, D) features for {samples} samples."
                )
            read.append(found)
        return torch.cat(read, dim=1).reshape(samples, self.space.parts, -1)

    def _hook(self, number: int, read: Callable[[Any], Tensor]) -> Callable[..., None]:
        def keep(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            if number not in self._found:
                self._found[number] = read(arguments[0]).detach()

        return keep
