"""Neighbour lists of batches of molecules, on the device of the positions."""

from __future__ import annotations

import torch
from torch import Tensor

from saibench.datamodules.force_field.periodic_neighbors import periodic_edges


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
    positions: Tensor,
    r_max: float,
    is_atom: Tensor | None = None,
    cells: Tensor | None = None,
    chunk: int = 4096,
) -> float:
    """Mean number of neighbours per atom within `r_max`, over all frames `(T, A, 3)`.

    Args:
        positions: in Å.
        r_max: cutoff radius in Å.
        is_atom: `(T, A)` bool, False for padding.
        cells: `(T, 3, 3)` in Å, zeros along directions that are not periodic; None: no frame is.
        chunk: frames at once.
    """
    edges = 0
    for start in range(0, len(positions), chunk):
        own = slice(start, start + chunk)
        real = None if is_atom is None else is_atom[own]
        if cells is None:
            edges += neighbor_edges(positions[own], r_max, real).shape[1]
        else:
            edges += periodic_edges(positions[own], cells[own], r_max, real)[0].shape[1]
    atoms = positions.shape[0] * positions.shape[1] if is_atom is None else int(is_atom.sum())
    return edges / atoms
