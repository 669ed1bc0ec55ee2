"""Neighbour lists of batches of molecules, on the device of the positions."""

from __future__ import annotations

import torch
from torch import Tensor


def neighbor_edges(positions: Tensor, r_max: float, is_atom: Tensor | None = None) -> Tensor:
    """Directed edges between atoms of one molecule that are less than `r_max` apart.

    Args:
        positions: `(B, A, 3)` in Å, B molecules of at most A atoms each, not periodic.
        r_max: cutoff radius in Å.
        is_atom: `(B, A)` bool, False for padding; None: all molecules have A atoms.

    Returns:
        `(2, E)` indices into the atoms of the flattened batch without padding: row 0 is the
        centre, row 1 its neighbour, without self-edges.
    """
    num_atoms = positions.shape[1]
    with torch.no_grad():
        difference = positions.unsqueeze(2) - positions.unsqueeze(1)
        near = difference.square().sum(-1) < r_max**2
        near.diagonal(dim1=1, dim2=2).fill_(False)
        if is_atom is not None:
            near &= is_atom.unsqueeze(2) & is_atom.unsqueeze(1)
        frame, center, neighbor = near.nonzero(as_tuple=True)
        offset = frame * num_atoms
        edges = torch.stack((offset + center, offset + neighbor))
        if is_atom is None:
            return edges
        return (is_atom.flatten().cumsum(0) - 1)[edges]


def mean_num_neighbors(
    positions: Tensor, r_max: float, is_atom: Tensor | None = None, chunk: int = 4096
) -> float:
    """Mean number of neighbours per atom within `r_max`, over all frames `(T, A, 3)`.

    Args:
        positions: in Å.
        r_max: cutoff radius in Å.
        is_atom: `(T, A)` bool, False for padding.
        chunk: frames at once.
    """
    if is_atom is None:
        edges = sum(neighbor_edges(part, r_max).shape[1] for part in positions.split(chunk))
        return edges / (positions.shape[0] * positions.shape[1])
    parts = zip(positions.split(chunk), is_atom.split(chunk), strict=True)
    edges = sum(neighbor_edges(part, r_max, own).shape[1] for part, own in parts)
    return edges / int(is_atom.sum())
