"""Neighbour lists of batches of molecules, on the device of the positions."""

from __future__ import annotations

import torch
from torch import Tensor


def neighbor_edges(positions: Tensor, r_max: float) -> Tensor:
    """Directed edges between atoms of one molecule that are less than `r_max` apart.

    Args:
        positions: `(B, A, 3)` in Å, B molecules of A atoms each, not periodic.
        r_max: cutoff radius in Å.

    Returns:
        `(2, E)` indices into the `B·A` atoms of the flattened batch: row 0 is the centre, row 1
        its neighbour, without self-edges.
    """
    num_atoms = positions.shape[1]
    with torch.no_grad():
        difference = positions.unsqueeze(2) - positions.unsqueeze(1)
        near = difference.square().sum(-1) < r_max**2
        near.diagonal(dim1=1, dim2=2).fill_(False)
        frame, center, neighbor = near.nonzero(as_tuple=True)
        offset = frame * num_atoms
        return torch.stack((offset + center, offset + neighbor))


def mean_num_neighbors(positions: Tensor, r_max: float, chunk: int = 4096) -> float:
    """Mean number of neighbours per atom within `r_max`, over all frames `(T, A, 3)`."""
    edges = sum(neighbor_edges(part, r_max).shape[1] for part in positions.split(chunk))
    return edges / (positions.shape[0] * positions.shape[1])
