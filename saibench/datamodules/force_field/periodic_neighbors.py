"""Neighbour lists of batches of periodic frames, on the device of the positions."""

from __future__ import annotations

import torch
from torch import Tensor

PAIRS = 2**23
"""Pairs of an atom and an image of another that are compared at once, about."""


def periodic_edges(
    positions: Tensor, cells: Tensor, r_max: float, is_atom: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Directed edges from atoms to atoms and images of atoms that are less than `r_max` apart.

    Atoms may be outside of their cell, and `r_max` may be larger than it: an atom is then a
    neighbour several times, also its own.

    Args:
        positions: `(B, A, 3)` in Å, B frames of at most A atoms each.
        cells: `(B, 3, 3)` in Å, vectors as rows, zeros along directions that are not periodic.
        r_max: cutoff radius in Å.
        is_atom: `(B, A)` bool, False for padding; None: all frames have A atoms.

    Returns:
        Edges as `neighbor_edges`, `(2, E)`; and the cell vectors `(E, 3)` to add to the position of
        the neighbour, whole numbers in the dtype of the positions.
    """
    num_atoms = positions.shape[1]
    with torch.no_grad():
        inverse = _inverse(cells)
        # a column of the inverse has the length 1 / height of the cell along a direction
        reach = (r_max * inverse.norm(dim=1)).amax(dim=0)
        find, images = (_nearest_images, 1) if bool((reach <= 0.5).all()) else (_all_images, 27)
        at_once = max(1, PAIRS // (num_atoms**2 * images))
        found = []
        for start in range(0, len(positions), at_once):
            part = slice(start, start + at_once)
            real = None if is_atom is None else is_atom[part]
            edges, shifts = find(positions[part], cells[part], inverse[part], r_max, real)
            found.append((edges + start * num_atoms, shifts))
        edges = torch.cat([of_part for of_part, _ in found], dim=1)
        if is_atom is not None:
            edges = (is_atom.flatten().cumsum(0) - 1)[edges]
        return edges, torch.cat([shifts for _, shifts in found])


def _inverse(cells: Tensor) -> Tensor:
    """`(B, 3, 3)`: fractional coordinates are positions times it, 0 where not periodic."""
    is_periodic = bool((torch.linalg.det(cells) != 0).all())
    return torch.linalg.inv(cells) if is_periodic else torch.linalg.pinv(cells)


def _nearest_images(
    positions: Tensor, cells: Tensor, inverse: Tensor, r_max: float, is_atom: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Edges of cells at least twice as high as `r_max`: one image of an atom at most is near."""
    gaps = positions.unsqueeze(1) - positions.unsqueeze(2)
    shifts = -(gaps @ inverse.unsqueeze(1)).round()
    near = (gaps + shifts @ cells.unsqueeze(1)).square().sum(-1) < r_max**2
    near.diagonal(dim1=1, dim2=2).fill_(False)
    if is_atom is not None:
        near &= is_atom.unsqueeze(2) & is_atom.unsqueeze(1)
    frame, center, neighbor = near.nonzero(as_tuple=True)
    offset = frame * positions.shape[1]
    return torch.stack((offset + center, offset + neighbor)), shifts[frame, center, neighbor]


def _all_images(
    positions: Tensor, cells: Tensor, inverse: Tensor, r_max: float, is_atom: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Edges of any cells: atoms are wrapped, and compared with the images in reach of a cell."""
    wraps = -(positions @ inverse).floor()
    wrapped = positions + wraps @ cells
    most = (r_max * inverse.norm(dim=1)).amax(dim=0).ceil().long().tolist()
    ranges = [torch.arange(-one, one + 1, device=cells.device) for one in most]
    images = torch.cartesian_prod(*ranges)
    moved = wrapped.unsqueeze(1) + (images.to(cells) @ cells).unsqueeze(2)
    near = (moved.unsqueeze(2) - wrapped[:, None, :, None]).square().sum(-1) < r_max**2
    is_home = ~images.any(dim=1)
    near[:, is_home] &= ~torch.eye(positions.shape[1], dtype=torch.bool, device=near.device)
    # along a direction that is not periodic all images are one
    repeats = (images.bool() & ~cells.any(dim=2).unsqueeze(1)).any(dim=2)
    near &= ~repeats[:, :, None, None]
    if is_atom is not None:
        near &= (is_atom.unsqueeze(2) & is_atom.unsqueeze(1)).unsqueeze(1)
    frame, image, center, neighbor = near.nonzero(as_tuple=True)
    shifts = images[image].to(positions) + wraps[frame, neighbor] - wraps[frame, center]
    offset = frame * positions.shape[1]
    return torch.stack((offset + center, offset + neighbor)), shifts
