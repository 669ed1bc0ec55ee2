"""Neighbour lists of batches of periodic frames, on the device of the positions."""

from __future__ import annotations

import torch
from torch import Tensor

PAIRS = 2**23
"""Pairs of an atom and an image of another that are compared at once."""


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
        wraps = -(positions @ inverse).floor()
        wrapped = positions + wraps @ cells
        images = _images(inverse, r_max)
        at_once = max(1, PAIRS // (num_atoms**2 * len(images)))
        found = []
        for start in range(0, len(positions), at_once):
            part = slice(start, start + at_once)
            near = _near(wrapped[part], cells[part], images, r_max)
            if is_atom is not None:
                real = is_atom[part]
                near &= (real.unsqueeze(2) & real.unsqueeze(1)).unsqueeze(1)
            frame, image, center, neighbor = near.nonzero(as_tuple=True)
            frame = frame + start
            offset = frame * num_atoms
            edges = torch.stack((offset + center, offset + neighbor))
            shifts = images[image].to(positions) + wraps[frame, neighbor] - wraps[frame, center]
            found.append((edges, shifts))
        edges = torch.cat([of_part for of_part, _ in found], dim=1)
        if is_atom is not None:
            edges = (is_atom.flatten().cumsum(0) - 1)[edges]
        return edges, torch.cat([shifts for _, shifts in found])


def _inverse(cells: Tensor) -> Tensor:
    """`(B, 3, 3)`: fractional coordinates are positions times it, 0 where not periodic."""
    is_periodic = bool((torch.linalg.det(cells) != 0).all())
    return torch.linalg.inv(cells) if is_periodic else torch.linalg.pinv(cells)


def _images(inverse: Tensor, r_max: float) -> Tensor:
    """`(M, 3)` shifts of the cell in which an atom may have neighbours."""
    # a column of the inverse has the length 1 / height of the cell along a direction
    most = (r_max * inverse.norm(dim=1)).amax(dim=0).ceil().long().tolist()
    ranges = [torch.arange(-one, one + 1, device=inverse.device) for one in most]
    return torch.cartesian_prod(*ranges)


def _near(positions: Tensor, cells: Tensor, images: Tensor, r_max: float) -> Tensor:
    """`(B, M, A, A)` bool: whether an image of the second atom is near the first."""
    moved = positions.unsqueeze(1) + (images.to(cells) @ cells).unsqueeze(2)
    gaps = moved.unsqueeze(2) - positions[:, None, :, None]
    near = gaps.square().sum(-1) < r_max**2
    is_home = ~images.any(dim=1)
    near[:, is_home] &= ~torch.eye(positions.shape[1], dtype=torch.bool, device=near.device)
    # along a direction that is not periodic all images are one
    repeats = (images.bool() & ~cells.any(dim=2).unsqueeze(1)).any(dim=2)
    return near & ~repeats[:, :, None, None]
