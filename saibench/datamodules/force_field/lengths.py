"""Whether positions are in Å.

Of the 162 molecules of the G2 set and the 22 complexes of S22, rMD17, acetylacetone and the shipped
simulator, the median distance of an atom to its nearest is 0.77 (CN) to 1.25 (F2) times the sum of
their covalent radii (Cordero et al. 2008, doi:10.1039/b801115j), and 0.6 in Cr2. Of Bohr taken for
Å it is 1.89 times as large, of nm a tenth.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from ase.data import covalent_radii

from saibench.units import ANGSTROM_PER_BOHR

LENGTHS = 0.5, 1.4
"""Bounds of that median in the frames whose atoms are nearest."""
LENGTH_UNITS = MappingProxyType({"Bohr": ANGSTROM_PER_BOHR, "nm": 10.0, "pm": 0.01})
"""Unit → Å."""
UNBOUND = (2, 10, 18, 36, 54, 86)
"""Noble gases, which have no bonds whose length would be known."""
MAX_FRAMES = 200
"""Frames that are looked at, evenly spaced."""
NEAR = 0.1
"""Share of the frames that may count: bonds may be far stretched or broken in all others."""


def neighbour_distance(numbers: np.ndarray, positions: np.ndarray) -> float | None:
    """Median distance of an atom to its nearest, in sums of their covalent radii.

    Args:
        numbers: (A,) atomic numbers.
        positions: (T, A, 3) in Å.

    Returns:
        That of the frame in which it is the smallest but for a tenth of the frames; None where
        fewer than two atoms form bonds.
    """
    atoms = np.flatnonzero(~np.isin(numbers, UNBOUND))
    if len(atoms) < 2 or not len(positions):
        return None
    rows = np.unique(np.linspace(0, len(positions) - 1, MAX_FRAMES).astype(int))
    radii = covalent_radii[numbers[atoms]]
    bonds = radii[:, None] + radii
    np.fill_diagonal(bonds, np.nan)
    medians = [
        np.median(np.nanmin(np.linalg.norm(frame[:, None] - frame, axis=2) / bonds, axis=1))
        for frame in np.asarray(positions[rows])[:, atoms]
    ]
    return float(np.quantile(medians, NEAR))


def likely_length(distance: float) -> str | None:
    """The unit in which such a distance of neighbours, taken for Å, fits; None if in none."""
    low, high = LENGTHS
    fits = [
        unit for unit, to_angstrom in LENGTH_UNITS.items() if low <= distance * to_angstrom <= high
    ]
    return fits[0] if fits else None
