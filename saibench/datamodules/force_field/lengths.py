"""Consistency of positions with the unit Å.

In the 162 molecules of the G2 set, the 22 complexes of S22, rMD17, acetylacetone and the built-in
simulator, the median distance of an atom to its nearest neighbour is 0.77 (CN) to 1.25 (F2) times
the sum of their covalent radii (Cordero et al. 2008, doi:10.1039/b801115j), and 0.6 in Cr2. It is
1.89 times as large if Bohr is mistaken for Å, and a tenth for nm.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from ase.data import covalent_radii

from saibench.datamodules.force_field.cells import minimum_image
from saibench.units import ANGSTROM_PER_BOHR

LENGTHS = 0.5, 1.4
"""Bounds of that median, in the frames with the smallest one."""
LENGTH_UNITS = MappingProxyType({"Bohr": ANGSTROM_PER_BOHR, "nm": 10.0, "pm": 0.01})
"""Unit → Å."""
UNBOUND = (2, 10, 18, 36, 54, 86)
"""Noble gases, which form no bonds."""
MAX_FRAMES = 200
"""Frames of a molecule that are used, evenly spaced."""
QUANTILE = 0.1
"""Quantile over frames, since bonds may be stretched or broken in the others."""


def smallest_neighbour_distance(medians: Sequence[float]) -> float | None:
    """The 10 % quantile of `neighbour_distances` of all molecules; None if no atoms form bonds."""
    return float(np.quantile(medians, QUANTILE)) if medians else None


def neighbour_distances(
    numbers: np.ndarray, positions: np.ndarray, cells: np.ndarray | None = None
) -> list[float]:
    """Median distance of an atom to its nearest neighbour, in sums of their covalent radii.

    Args:
        numbers: (A,) atomic numbers of a molecule.
        positions: (T, A, 3) in Å.
        cells: (T, 3, 3) in Å, as in `force_field.cells`; None: no frame is periodic.

    Returns:
        One value per frame, of at most `MAX_FRAMES`; none without two atoms that form bonds.
    """
    atoms = np.flatnonzero(~np.isin(numbers, UNBOUND))
    if len(atoms) < 2 or not len(positions):
        return []
    rows = np.unique(np.linspace(0, len(positions) - 1, MAX_FRAMES).astype(int))
    radii = covalent_radii[numbers[atoms]]
    bonds = radii[:, None] + radii
    np.fill_diagonal(bonds, np.nan)
    found = []
    for row in rows:
        frame = np.asarray(positions[row])[atoms]
        vectors = frame[:, None] - frame
        if cells is not None:
            vectors = minimum_image(vectors, cells[row])
        distances = np.linalg.norm(vectors, axis=2) / bonds
        found.append(float(np.median(np.nanmin(distances, axis=1))))
    return found


def likely_length(distance: float) -> str | None:
    """The unit that explains this distance, computed as if positions were in Å; or None."""
    low, high = LENGTHS
    fits = (unit for unit, scale in LENGTH_UNITS.items() if low <= distance * scale <= high)
    return next(fits, None)
