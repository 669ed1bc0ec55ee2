"""Consistency of energies and forces with their stated units.

Two facts hold for any molecule, at any temperature and level of theory. First, the force constant
of a bond from hydrogen to C, N, O or F is 25 to 60 eV/Å² (Wilson, Decius, Cross, *Molecular
Vibrations*, 1955: 4.7 to 9.7 mdyn/Å), and forces on the atom act mainly along its bond. Second,
energy differences equal the work of the forces. For the built-in simulator, rMD17 and acetylacetone
(PBE-D3) the median force constant is 24 to 44 eV/Å², for 10 to 10,000 frames. It is 23 times too
large if kcal/mol is mistaken for eV.

The work is integrated by the trapezoid rule, whose error increases with the spacing of frames. The
ratio of energy and work is between the regression slope of energies on work and the inverse slope
of work on energies (regression dilution). On 49,000 subsets of those data, with 51 to 1,000 frames
0.5 to 10 fs apart, the lower bound is 0.45 to 1.15 and the upper 0.65 to 1.47; for frames 0.5 fs
apart both are 0.95 to 1.05. If forces per Bohr are mistaken for forces per Å, both are 1.89 times
as large: 96 % of those subsets are then outside the bounds, and all with dense frames.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from saibench.datamodules.force_field.cells import minimum_image
from saibench.units import ANGSTROM_PER_BOHR, EV_PER_HARTREE, EV_PER_KCAL_PER_MOL, EV_PER_KJ_PER_MOL

ENERGY_UNITS = MappingProxyType(
    {
        "eV": 1.0,
        "kcal/mol": EV_PER_KCAL_PER_MOL,
        "kJ/mol": EV_PER_KJ_PER_MOL,
        "Hartree": EV_PER_HARTREE,
    }
)
"""Unit → eV."""
FORCE_UNITS = MappingProxyType(
    {
        f"{energy}/{length}": (energy, angstrom)
        for length, angstrom in (("Å", 1.0), ("Bohr", ANGSTROM_PER_BOHR))
        for energy in ENERGY_UNITS
    }
)
"""Unit of forces → its unit of energy, and its length in Å."""

STIFFNESS = 12.0, 80.0
"""Bounds in eV/Å² of the median force constant of bonds to hydrogen; narrow enough to exclude a
wrong unit that differs by a factor of 4.2 (kJ and kcal) or more."""
USUAL_STIFFNESS = 34.0
WORK = 0.6, 1.375
"""Bounds of the ratio of energy differences and work; the upper is the square root of 1.89."""
BONDED_TO_HYDROGEN = (6, 7, 8, 9)
MIN_PAIRS = 50
"""Pairs of frames for the work; fewer pairs of distant frames correlate by chance."""
NEAREST = 4
"""The work uses one in this many pairs of successive frames: those nearest in time."""
MIN_FRAMES = 20
MAX_FRAMES = 1000
"""Frames that are used, evenly spaced."""
MIN_CORRELATION = 0.8
"""Minimum absolute correlation of a regression that is used."""


def bond_stiffness(
    numbers: np.ndarray,
    positions: np.ndarray,
    forces: np.ndarray,
    cells: np.ndarray | None = None,
) -> float | None:
    """Median force constant of the bonds to hydrogen, in eV/Å² for forces in eV/Å.

    For each hydrogen atom, the force along its bond is regressed on the bond length. Negative if
    the forces have the wrong sign.

    Args:
        numbers: (A,) atomic numbers.
        positions: (T, A, 3) in Å.
        forces: (T, A, 3).
        cells: (T, 3, 3) in Å, as in `force_field.cells`; None: no frame is periodic.

    Returns:
        None if there are too few frames or no such bond.
    """
    if len(positions) < MIN_FRAMES:
        return None
    rows = np.unique(np.linspace(0, len(positions) - 1, MAX_FRAMES).astype(int))
    positions, forces = np.asarray(positions[rows]), np.asarray(forces[rows])
    heavy = np.flatnonzero(numbers != 1)
    found = []
    for atom in np.flatnonzero(numbers == 1) if len(heavy) else ():
        bonds = positions[:, [atom]] - positions[:, heavy]
        if cells is not None:
            bonds = minimum_image(bonds, cells[rows])
        lengths = np.linalg.norm(bonds, axis=2)
        partner = lengths.mean(axis=0).argmin()
        length = lengths[:, partner]
        rigid = length.std() < 1e-3 * length.mean()
        if rigid or not length.min() > 0 or numbers[heavy[partner]] not in BONDED_TO_HYDROGEN:
            continue
        along = (forces[:, atom] * bonds[:, partner]).sum(axis=1) / length
        slope, correlation = _regression(length, along)
        if abs(correlation) >= MIN_CORRELATION:
            found.append(-slope)
    return float(np.median(found)) if found else None


def work_ratio(
    positions: np.ndarray, energies: np.ndarray, forces: np.ndarray, time: np.ndarray
) -> tuple[float, float] | None:
    """Lower and upper bound of the ratio of energy differences and the work of the forces.

    Args:
        positions: (T, A, 3) in Å.
        energies: (T,).
        forces: (T, A, 3), in the unit of energies per Å.
        time: (T,) in ps.

    Returns:
        None if there are too few frames, or they are too far apart.
    """
    gaps = np.diff(time)
    first = np.flatnonzero(gaps > 0)
    if len(first) < MIN_PAIRS:
        return None
    nearest = max(MIN_PAIRS, len(first) // NEAREST)
    limit = np.partition(gaps[first], nearest - 1)[nearest - 1]
    first = first[gaps[first] <= limit * (1 + 1e-6)]  # all, if evenly spaced
    first = first[np.unique(np.linspace(0, len(first) - 1, MAX_FRAMES).astype(int))]
    moved = np.asarray(positions[first + 1]) - positions[first]
    work = -((np.asarray(forces[first + 1]) + forces[first]) / 2 * moved).sum(axis=(1, 2))
    slope, correlation = _regression(work, np.asarray(energies[first + 1]) - energies[first])
    if abs(correlation) < MIN_CORRELATION:
        return None
    low, high = sorted((slope, slope / correlation**2))
    return low, high


def fitting_units(
    stiffness: float | None, work: tuple[float, float] | None, assumed: str
) -> list[str]:
    """Units of forces that are consistent with the data, the most likely first.

    Args:
        stiffness: `bond_stiffness` of forces converted from the unit `assumed`/Å, if known.
        work: `work_ratio` of energies and forces converted from `assumed`, if known.
        assumed: a unit of `ENERGY_UNITS`.

    Returns:
        Names of `FORCE_UNITS`, each with its unit of energies. Only the work distinguishes Å from
        Bohr; without it, Bohr is considered for atomic units only.
    """
    misfits = {}
    for name, (energy, angstrom) in FORCE_UNITS.items():
        factor = ENERGY_UNITS[energy] / ENERGY_UNITS[assumed] / angstrom
        bond = None if stiffness is None else stiffness * factor
        if bond is not None and not STIFFNESS[0] <= bond <= STIFFNESS[1]:
            continue
        if work is not None and not fits_work((work[0] * angstrom, work[1] * angstrom)):
            continue
        if work is None and name.endswith("/Bohr") and energy != "Hartree":
            continue
        unusual = 0.0 if bond is None else abs(np.log(bond / USUAL_STIFFNESS))
        misfits[name] = unusual, energy != assumed
    return sorted(misfits, key=misfits.__getitem__)


def fits_work(ratio: tuple[float, float]) -> bool:
    """Whether the bounds of `work_ratio` are consistent with a ratio of 1."""
    return ratio[0] <= WORK[1] and ratio[1] >= WORK[0]


def _regression(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of y on x and their correlation; 0 if either is constant."""
    covariance = np.cov(x, y)
    if not covariance[0, 0] * covariance[1, 1] > 0:
        return 0.0, 0.0
    slope = covariance[0, 1] / covariance[0, 0]
    return float(slope), float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
