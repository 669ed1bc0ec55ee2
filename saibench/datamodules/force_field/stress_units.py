"""Consistency of the stress with its stated unit and sign.

Between two frames of a crystal, the energy changes by the work of the forces, of the displacements
relative to the cell, and by the volume times the stress times the strain. Of Cu, Al, Ni, Au and Pt
(EMT), strained by 0.5 to 4 % at random and displaced by up to 0.03 Å, the energy that the forces
leave is 0.60 to 1.29 times the work of the stress. GPa mistaken for eV/Å³ would give 0.006, and a
pressure mistaken for a stress a negative ratio. In frames of dynamics the work of the forces hides
that of the stress; then only its size is checked.
"""

from __future__ import annotations

import numpy as np

from saibench.datamodules.force_field.cells import volumes
from saibench.datamodules.force_field.stress import STRESS_UNITS
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError

RATIO = 0.5, 2.0
"""Bounds of the energy that the forces leave over the work of the stress."""
MIN_PAIRS = 20
MAX_PAIRS = 1000
"""Pairs of successive frames that are used."""
MIN_CORRELATION = 0.8
"""Minimum absolute correlation of the two; it is smaller if frames differ by more than vibrations
and small strains, or their cells hardly change."""
LARGEST = 3.0
"""eV/Å³, 480 GPa: the largest plausible root mean square of a stress component."""


def check_stress(trajectory: Trajectory) -> None:
    """Refuse a stress in another unit, or with another sign, than stated.

    Raises:
        UserError: names the fault, and how to correct it.
    """
    if trajectory.stress is None:
        return
    known = trajectory.stress[np.isfinite(trajectory.stress)]
    size = float(np.sqrt(np.square(known).mean()))
    if size > LARGEST:
        raise UserError(
            f"{trajectory.name}: components of the stress are {size:.3g} eV/Å^3 in size, more than "
            f"{LARGEST:g}. Correct +data.stress_unit, such as +data.stress_unit=GPa."
        )
    ratio = stress_ratio(trajectory)
    low, high = RATIO
    if ratio is None or low <= ratio <= high:
        return
    if low <= -ratio <= high:
        raise UserError(
            f"{trajectory.name}: the stress has the wrong sign. Use (1/V) dE/dstrain, positive "
            "under tension, or a virial, -V times that."
        )
    fits = [name for name, factor in STRESS_UNITS.items() if low <= ratio / factor <= high]
    advice = f"Stress in {fits[0]} fits: use +data.stress_unit={fits[0]}." if fits else ""
    raise UserError(
        f"{trajectory.name}: energy differences of strained frames are {ratio:.3g} times the work "
        f"of the stress instead of 1. {advice or 'Correct +data.stress_unit.'}"
    )


def stress_ratio(trajectory: Trajectory) -> float | None:
    """Energy that the forces do not explain over the work of the stress, between frames.

    Returns:
        The regression slope; None if there are too few frames, or they are too far apart.
    """
    parts = [_works(one.with_forces()) for one in trajectory.molecules()]
    left, work = (np.concatenate(values) for values in zip(*parts, strict=True))
    if len(work) < MIN_PAIRS:
        return None
    covariance = np.cov(work, left)
    variances = covariance[0, 0] * covariance[1, 1]
    if not variances > 0 or covariance[0, 1] ** 2 < MIN_CORRELATION**2 * variances:
        return None
    return float(covariance[0, 1] / covariance[0, 0])


def _works(crystal: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Of pairs of frames, the energy that the forces leave and the work of the stress, in eV."""
    none = np.zeros(0), np.zeros(0)
    if crystal.cells is None or crystal.stress is None:
        return none
    rows = np.flatnonzero(np.isfinite(crystal.stress).all(axis=(1, 2)))
    if len(rows) < 2:
        return none
    first = np.unique(np.linspace(0, len(rows) - 2, MAX_PAIRS).astype(int))
    one, other = rows[first], rows[first + 1]
    cells = np.asarray(crystal.cells[one]), np.asarray(crystal.cells[other])
    inverses = [np.linalg.inv(own) for own in cells]
    relative = [
        crystal.positions[own] @ inverse
        for own, inverse in zip((one, other), inverses, strict=True)
    ]
    moved = relative[1] - relative[0]
    moved = (moved - np.round(moved)) @ ((cells[0] + cells[1]) / 2)
    forces = (crystal.forces[one] + crystal.forces[other]) / 2
    strain = inverses[0] @ cells[1] - np.eye(3)
    tension = [
        volumes(own)[:, None, None] * crystal.stress[frame]
        for own, frame in zip(cells, (one, other), strict=True)
    ]
    work = ((tension[0] + tension[1]) / 2 * strain).sum(axis=(1, 2))
    change = crystal.energies[other] - crystal.energies[one]
    return change + (forces * moved).sum(axis=(1, 2)), work
