"""Atoms of a batch of molecules: with padding, and one after another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class FlatAtoms(NamedTuple):
    """The N atoms of B molecules, one after another.

    Args:
        shape: B and A, of the batch with padding.
        is_atom: `(B, A)` bool, False for padding; None if all molecules have A atoms.
        species: `(N,)` atom types.
        frame: `(N,)` molecule of each atom.
        num_atoms: `(B,)`.
    """

    shape: tuple[int, int]
    is_atom: Tensor | None
    species: Tensor
    frame: Tensor
    num_atoms: Tensor

    @classmethod
    def of(cls, species: Tensor, frames: int) -> FlatAtoms:
        """Atoms of a batch of B molecules.

        Args:
            species: `(A,)`, or `(B, A)` with -1 for padding.
            frames: B.
        """
        frame = torch.arange(frames, device=species.device)
        if species.ndim == 1:
            atoms = len(species)
            counts = torch.full_like(frame, atoms)
            of_atoms = frame.repeat_interleave(atoms)
            return cls((frames, atoms), None, species.repeat(frames), of_atoms, counts)
        is_atom = species >= 0
        counts = is_atom.sum(dim=1)
        shape = (frames, species.shape[1])
        return cls(shape, is_atom, species[is_atom], frame.repeat_interleave(counts), counts)

    def flat(self, values: Tensor) -> Tensor:
        """`(N, ...)` of values `(B, A, ...)`, without padding."""
        return values.flatten(0, 1) if self.is_atom is None else values[self.is_atom]

    def dense(self, values: Tensor) -> Tensor:
        """`(B, A, ...)` of values `(N, ...)` of the atoms, with zeros for padding."""
        shape = (*self.shape, *values.shape[1:])
        if self.is_atom is None:
            return values.reshape(shape)
        return values.new_zeros(shape).masked_scatter(
            self.is_atom.reshape(*self.shape, *[1] * (values.ndim - 1)).expand(shape), values
        )

    def sum_of_frames(self, values: Tensor) -> Tensor:
        """`(B,)` sums of values `(N,)` of the atoms."""
        if self.is_atom is None:
            return values.reshape(self.shape).sum(1)
        return values.new_zeros(self.shape[0]).index_add(0, self.frame, values)


def mean_over_atoms(values: Tensor, species: Tensor) -> Tensor:
    """`(B,)` means of `(B, A)` over the atoms of each molecule; arguments as in `FlatAtoms.of`."""
    if species.ndim == 1:
        return values.mean(dim=1)
    is_atom = species >= 0
    return torch.where(is_atom, values, 0).sum(dim=1) / is_atom.sum(dim=1)


def mean_over_components(values: Tensor, species: Tensor) -> Tensor:
    """`(B,)` means of `(B, A, 3)` over the components of the atoms of each molecule."""
    if species.ndim == 1:
        return values.mean(dim=(1, 2))
    return mean_over_atoms(values.mean(dim=2), species)
