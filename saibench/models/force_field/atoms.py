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
        positions: `(N, 3)`, or other vectors of the atoms.
        species: `(N,)` atom types.
        frame: `(N,)` molecule of each atom.
        num_atoms: `(B,)`.
    """

    shape: tuple[int, int]
    is_atom: Tensor | None
    positions: Tensor
    species: Tensor
    frame: Tensor
    num_atoms: Tensor

    @classmethod
    def of(cls, positions: Tensor, species: Tensor) -> FlatAtoms:
        """Atoms of a batch.

        Args:
            positions: `(B, A, 3)`.
            species: `(A,)`, or `(B, A)` with -1 for padding.
        """
        frames, atoms, _ = positions.shape
        frame = torch.arange(frames, device=positions.device)
        if species.ndim == 1:
            counts = torch.full((frames,), atoms, device=positions.device)
            flat = positions.reshape(-1, 3)
            of_atoms = frame.repeat_interleave(atoms)
            return cls((frames, atoms), None, flat, species.repeat(frames), of_atoms, counts)
        is_atom = species >= 0
        counts = is_atom.sum(dim=1)
        of_atoms = frame.repeat_interleave(counts)
        return cls((frames, atoms), is_atom, positions[is_atom], species[is_atom], of_atoms, counts)

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


def count_atoms(species: Tensor, frames: int) -> Tensor:
    """`(B,)` numbers of atoms of B molecules."""
    if species.ndim == 1:
        return torch.full((frames,), len(species), device=species.device)
    return (species >= 0).sum(dim=1)
