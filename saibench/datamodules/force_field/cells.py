"""Periodic cells of frames.

A cell is `(3, 3)` with its vectors in Å as rows, as in ASE. A row of zeros is a direction that is
not periodic; the cell of a molecule is all zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saibench.errors import UserError


def periodic_cell(vectors: np.ndarray, pbc: Sequence[bool] | np.ndarray, where: str) -> np.ndarray:
    """The cell of a frame.

    Args:
        vectors: `(3, 3)` in Å, also of directions that are not periodic.
        pbc: periodicity along the three vectors.
        where: file and frame.

    Raises:
        UserError: the periodic vectors are NaN, infinite, 0 or linearly dependent.
    """
    periodic = np.asarray(pbc, dtype=bool)
    cell = np.where(periodic[:, None], vectors, 0.0)
    if not np.isfinite(cell).all() or np.linalg.matrix_rank(cell) < periodic.sum():
        raise UserError(
            f"{where} is periodic (pbc={periodic.tolist()}), but its cell {cell.tolist()} does not "
            "have a vector for each periodic direction. Use a cell, or pbc=False."
        )
    return cell


def volumes(cells: np.ndarray) -> np.ndarray:
    """Volumes `(...)` in Å³ of cells `(..., 3, 3)`; 0 unless periodic in all directions."""
    return np.abs(np.linalg.det(cells))


def minimum_image(vectors: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Vectors `(..., P, 3)` between atoms, from an atom to the nearest image of the other.

    The nearest image is that of the smallest fractional coordinates, which is not the nearest of
    all in strongly skewed cells.

    Args:
        vectors: in Å.
        cells: `(..., 3, 3)`.
    """
    if not np.any(cells):
        return vectors
    # the pseudo-inverse gives 0 along directions that are not periodic
    return vectors - np.round(vectors @ np.linalg.pinv(cells)) @ cells


def unwrapped(positions: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Positions `(T, A, 3)` of successive frames without the jumps of atoms that leave the cell.

    Args:
        positions: in Å.
        cells: `(T, 3, 3)`.
    """
    if not np.any(cells):
        return positions
    moved = np.diff(positions, axis=0)
    jumps = minimum_image(moved, cells[1:]) - moved
    return positions + np.concatenate([np.zeros_like(positions[:1]), jumps.cumsum(axis=0)])
