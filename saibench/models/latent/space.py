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
            compared within their group. None if a sample has one part, or `varies`.
        part_name: what one part is, if there is no `part_axis`.
        varies: whether samples have different parts, whose groups are those of
            `BenchmarkModule.latent_groups`.
        part_axis, group_axis: tables of the values by part and by group, if there are parts.
    """

    layers: Sequence[LatentLayer]
    describe: str
    last: LatentLayer | None = None
    groups: Tensor | None = None
    part_axis: Axis | None = None
    group_axis: Axis | None = None
    part_name: str = "sample"
    varies: bool = False

    @property
    def has_parts(self) -> bool:
        """Whether samples have parts."""
        return self.varies or self.groups is not None

    def groups_of(self, samples: int) -> Tensor:
        """`(B, P)` groups of the parts of B samples, if they do not vary."""
        groups = torch.zeros(1, dtype=torch.long) if self.groups is None else self.groups
        return groups.expand(samples, -1)


class Captured(NamedTuple):
    """Features of a forward.

    Args:
        features: `(B, P, D)`, the latent representation; 0 for padding.
        groups: `(B, P)` of the parts, -1 for padding.
        last: `(B, D)` float64, what the last layer gets, summed over the parts; None without one.
    """

    features: Tensor
    groups: Tensor
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

    def read(self, samples: int, groups: Tensor | None = None) -> Captured:
        """The features of the captured forward.

        Args:
            samples: B.
            groups: `(B, P)` of the parts, -1 for padding; by default those of the space.

        Raises:
            UserError: the net did not call a layer, or with other features.
        """
        groups = self.space.groups_of(samples) if groups is None else groups
        is_part = groups >= 0
        count = len(self.space.layers)
        rows = [self._rows(number, samples, int(is_part.sum())) for number in range(count)]
        features = _padded(torch.cat(rows, dim=1), is_part)
        groups = groups.to(features.device)
        if self.space.last is None:
            return Captured(features, groups, None)
        last = self._rows(count, samples, int(is_part.sum())).double()
        return Captured(features, groups, _padded(last, is_part).sum(dim=1))

    def _rows(self, number: int, samples: int, rows: int) -> Tensor:
        """`(R, D)` features of a layer, R being the samples, or all their parts."""
        found = self._found.get(number)
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


def _padded(rows: Tensor, is_part: Tensor) -> Tensor:
    """`(B, P, D)` of rows `(R, D)` of the parts `(B, P)`, with zeros for padding."""
    if bool(is_part.all()):
        return rows.reshape(*is_part.shape, -1)
    found = rows.new_zeros(*is_part.shape, rows.shape[1])
    found[is_part.to(rows.device)] = rows
    return found
