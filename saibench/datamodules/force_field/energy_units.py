"""Whether energies and forces are in the unit that they are said to be in.

Two things are known of any molecule, at any temperature and level of theory. The force constant
of the bond of a hydrogen atom to C, N, O or F is 25 to 60 eV/Å² (Wilson, Decius, Cross, *Molecular
Vibrations*, 1955: 4.7 to 9.7 mdyn/Å), and forces drive such an atom along its bond almost alone.
And energy differences are the work of the forces. On the shipped simulator, rMD17 and
acetylacetone by PBE-D3 the median force constant is 24 to 44 eV/Å², of 10 frames or of 10,000. Of
kcal/mol taken for eV it is 23 times too large.

The work is taken by the trapezoid rule, which errs the more, the farther frames are apart. The
ratio of energy and work lies between the slope of energies on work and the inverse of that of work
on energies, whichever of the two errs (regression dilution). On 49,000 subsets of those data, of
51 to 1,000 frames 0.5 to 10 fs apart, the lower is 0.45 to 1.15 and the higher 0.65 to 1.47; of
frames 0.5 fs apart both are 0.95 to 1.05. Of forces per Bohr taken for per Å they are 1.89 times as
large: 96 % of those subsets lie outside the bounds then, and all that are dense.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

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
"""Unit of forces → the unit of the energies beside them, and the length in Å."""

STIFFNESS = 12.0, 80.0
"""eV/Å², bounds of the median force constant of bonds to hydrogen. They are a factor of 6.7 apart,
so that of two units that differ by 4.2 (kJ and kcal) or more, the wrong one lies outside."""
USUAL_STIFFNESS = 34.0
WORK = 0.6, 1.375
"""Bounds of the ratio of energy differences and work; the upper is the root of Å per Bohr."""
BONDED_TO_HYDROGEN = (6, 7, 8, 9)
MIN_PAIRS = 50
"""Pairs of frames that work is taken between: fewer correlate by chance once they are far apart."""
NEAREST = 4
"""Work is taken between one in so many pairs of successive frames, those nearest in time."""
MIN_FRAMES = 20
MAX_FRAMES = 1000
"""Frames that are looked at, evenly spaced."""
CORRELATION = 0.8
"""Absolute correlation from which a ratio is believed."""


def bond_stiffness(numbers: np.ndarray, positions: np.ndarray, forces: np.ndarray) -> float | None:
    """Median force constant of the bonds to hydrogen, eV/Å² where forces are in eV/Å.

    Of each hydrogen atom, the force along its bond is regressed on the bond's length. Negative if
    the forces point the wrong way.

    Args:
        numbers: (A,) atomic numbers.
        positions: (T, A, 3) in Å.
        forces: (T, A, 3).

    Returns:
        None where too few frames or no such bond tell.
    """
    if len(positions) < MIN_FRAMES:
        return None
    rows = np.unique(np.linspace(0, len(positions) - 1, MAX_FRAMES).astype(int))
    positions, forces = np.asarray(positions[rows]), np.asarray(forces[rows])
    heavy = np.flatnonzero(numbers != 1)
    found = []
    for atom in np.flatnonzero(numbers == 1) if len(heavy) else ():
        bonds = positions[:, [atom]] - positions[:, heavy]
        lengths = np.linalg.norm(bonds, axis=2)
        partner = lengths.mean(axis=0).argmin()
        length = lengths[:, partner]
        rigid = length.std() < 1e-3 * length.mean()
        if rigid or not length.min() > 0 or numbers[heavy[partner]] not in BONDED_TO_HYDROGEN:
            continue
        along = (forces[:, atom] * bonds[:, partner]).sum(axis=1) / length
        slope, correlation = _regression(length, along)
        if abs(correlation) >= CORRELATION:
            found.append(-slope)
    return float(np.median(found)) if found else None


def work_ratio(
    positions: np.ndarray, energies: np.ndarray, forces: np.ndarray, time: np.ndarray
) -> tuple[float, float] | None:
    """Between what the ratio of energy differences and the work of the forces lies.

    Args:
        positions: (T, A, 3) in Å.
        energies: (T,).
        forces: (T, A, 3), by the unit of energies and Å.
        time: (T,) in ps.

    Returns:
        The lower and the higher; None where there are too few frames, or they are too far apart
        for the work to tell.
    """
    gaps = np.diff(time)
    first = np.flatnonzero(gaps > 0)
    if len(first) < MIN_PAIRS:
        return None
    nearest = max(MIN_PAIRS, len(first) // NEAREST)
    limit = np.partition(gaps[first], nearest - 1)[nearest - 1]
    first = first[gaps[first] <= limit * (1 + 1e-6)]  # evenly spaced, all
    first = first[np.unique(np.linspace(0, len(first) - 1, MAX_FRAMES).astype(int))]
    moved = np.asarray(positions[first + 1]) - positions[first]
    work = -((np.asarray(forces[first + 1]) + forces[first]) / 2 * moved).sum(axis=(1, 2))
    slope, correlation = _regression(work, np.asarray(energies[first + 1]) - energies[first])
    if abs(correlation) < CORRELATION:
        return None
    low, high = sorted((slope, slope / correlation**2))
    return low, high


def fitting_units(
    stiffness: float | None, work: tuple[float, float] | None, taken_for: str
) -> list[str]:
    """Units of forces that fit what is known of forces and energies, the likeliest first.

    Args:
        stiffness: as `bond_stiffness` of forces converted from `taken_for` per Å, if it is known.
        work: as `work_ratio` of energies and forces converted from `taken_for`, if it is known.
        taken_for: a unit of `ENERGY_UNITS`.

    Returns:
        Names of `FORCE_UNITS`, with energies as they say. Only the work tells Å from Bohr: without
        it, forces per Bohr are those of atomic units.
    """
    misfits = {}
    for name, (energy, angstrom) in FORCE_UNITS.items():
        factor = ENERGY_UNITS[energy] / ENERGY_UNITS[taken_for] / angstrom
        bond = None if stiffness is None else stiffness * factor
        if bond is not None and not STIFFNESS[0] <= bond <= STIFFNESS[1]:
            continue
        if work is not None and not fits_work((work[0] * angstrom, work[1] * angstrom)):
            continue
        if work is None and name.endswith("/Bohr") and energy != "Hartree":
            continue
        unusual = 0.0 if bond is None else abs(np.log(bond / USUAL_STIFFNESS))
        misfits[name] = unusual, energy != taken_for
    return sorted(misfits, key=misfits.__getitem__)


def fits_work(ratio: tuple[float, float]) -> bool:
    """Whether a ratio of energy differences and work, as `work_ratio` gives it, may be 1."""
    return ratio[0] <= WORK[1] and ratio[1] >= WORK[0]


def _regression(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of y on x and their correlation; 0 where one does not vary."""
    covariance = np.cov(x, y)
    if not covariance[0, 0] * covariance[1, 1] > 0:
        return 0.0, 0.0
    slope = covariance[0, 1] / covariance[0, 0]
    return float(slope), float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
