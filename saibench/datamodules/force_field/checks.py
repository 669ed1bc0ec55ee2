"""What a trajectory from any source must be, before a model learns from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from saibench.datamodules.force_field.energy_units import (
    FORCE_UNITS,
    STIFFNESS,
    bond_stiffness,
    fits_work,
    fitting_units,
    work_ratio,
)
from saibench.datamodules.force_field.lengths import (
    LENGTH_UNITS,
    LENGTHS,
    likely_length,
    neighbour_distance,
)
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError
from saibench.units import ANGSTROM_PER_BOHR

log = logging.getLogger(__name__)

CLOSEST = 0.3
"""Å; two atoms nearer than this are not of a molecule: H-H is 0.74, and 0.6 when it collides."""
CHUNK = 2000
"""Frames whose distances are taken at once."""
NAMED = 3
"""Frames that an error names."""


def check_trajectory(trajectory: Trajectory, unit: str | None = None) -> None:
    """Refuse a trajectory that cannot be learnt from.

    Args:
        trajectory: from any source.
        unit: of the source's energies, if it can be set as `data.energy_unit`.

    Raises:
        UserError: wrong shapes, numbers that are not finite, atoms in one place, forces that are
            all 0, energies that are all the same, positions, energies or forces in another unit
            than is said.
    """
    _check_shapes(trajectory)
    for name in ("time", "positions", "energies", "forces"):
        values = getattr(trajectory, name)
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        refuse_frames(trajectory, ~finite, f"'{name}' that are not finite", "Leave them out.")
    _check_length(trajectory)
    _check_distances(trajectory)
    if len(trajectory.symbols) > 1:
        still = ~np.any(trajectory.forces, axis=(1, 2))
        refuse_frames(
            trajectory, still, "forces that are all 0", "Leave them out, or give their forces."
        )
        if len(trajectory.energies) > 1 and not np.ptp(trajectory.energies) > 0:
            raise UserError(
                f"{trajectory.name} has energies that are all {trajectory.energies[0] + 0.0:g} eV "
                f"in {len(trajectory.energies)} frames. Give the energy of each frame."
            )
    check_units(trajectory, unit)


def check_units(trajectory: Trajectory, unit: str | None = None) -> None:
    """Refuse energies and forces in another unit than is said; warn where none can be told.

    Raises:
        UserError: which unit would fit, and how it is given.
    """
    taken_for = unit or "eV"
    stiffness = bond_stiffness(trajectory.atomic_numbers, trajectory.positions, trajectory.forces)
    if stiffness is not None and stiffness < 0:
        raise UserError(
            f"{trajectory.name}: the forces push atoms away from where their bonds are longest or "
            "shortest: they are gradients of the energy. Use their negative."
        )
    work = work_ratio(trajectory.positions, trajectory.energies, trajectory.forces, trajectory.time)
    fits = fitting_units(stiffness, work, taken_for)
    if f"{taken_for}/Å" not in fits:
        faults = []
        low, high = STIFFNESS
        if stiffness is not None and not low <= stiffness <= high:
            faults.append(
                f"taken as {taken_for}/Å, the forces give bonds to hydrogen a force constant of "
                f"{stiffness:.3g} eV/Å², which lies between {low:g} and {high:g} in every molecule"
            )
        if work is not None and not fits_work(work):
            nearest = min(work, key=lambda ratio: abs(ratio - 1))
            faults.append(
                f"energies change by {nearest:.3g} times the work of the forces from frame to "
                "frame, which must be 1"
            )
        raise UserError(f"{trajectory.name}: {', and '.join(faults)}; {_remedy(unit, fits)}")
    if work is None:
        unseen = "" if stiffness is not None else ", and no bond to hydrogen is seen to vibrate"
        others = [name for name in fits if name == f"{taken_for}/Bohr"]
        log.warning(
            "%s: %s could not be checked, as frames are too few or too far apart for the work of "
            "the forces to tell%s: energies are taken as %s, forces as %s/Å%s.",
            trajectory.name,
            "the units" if stiffness is None else "the unit of the energies",
            unseen,
            taken_for,
            taken_for,
            "".join(f", where {name} would fit as well" for name in others),
        )


def refuse_frames(trajectory: Trajectory, faulty: np.ndarray, fault: str, remedy: str) -> None:
    """Refuse frames, by row, id and time.

    Args:
        trajectory: the frames.
        faulty: (T,) bool.
        fault: what they have.
        remedy: what to do.

    Raises:
        UserError: any is faulty.
    """
    rows = np.flatnonzero(faulty)
    if not len(rows):
        return
    named = [
        f"{row} (sample_id {trajectory.sample_id[row]}, {trajectory.time[row]:g} ps)"
        for row in rows[:NAMED]
    ]
    more = ", …" if len(rows) > NAMED else ""
    raise UserError(
        f"{trajectory.name} has {fault} in {len(rows)} of {len(faulty)} frames: row "
        f"{', '.join(named)}{more}. {remedy}"
    )


def _check_shapes(trajectory: Trajectory) -> None:
    frames, atoms = len(trajectory.sample_id), len(trajectory.symbols)
    shapes: dict[str, Sequence[int]] = {
        "atomic_numbers": (atoms,),
        "positions": (frames, atoms, 3),
        "energies": (frames,),
        "forces": (frames, atoms, 3),
        "time": (frames,),
    }
    for name, expected in shapes.items():
        found = np.shape(getattr(trajectory, name))
        if found != expected:
            raise UserError(
                f"{trajectory.name}: '{name}' has shape {found}; {expected} is expected, of "
                f"{frames} frames of {atoms} atoms."
            )


def _check_length(trajectory: Trajectory) -> None:
    distance = neighbour_distance(trajectory.atomic_numbers, trajectory.positions)
    low, high = LENGTHS
    if distance is None or low <= distance <= high:
        return
    unit = likely_length(distance)
    factor = f"; in {unit} they fit: multiply them by {LENGTH_UNITS[unit]:.6g}" if unit else ""
    raise UserError(
        f"{trajectory.name}: the distance of an atom to its nearest is {distance:.3g} times the "
        f"sum of their covalent radii, where it is {low:g} to {high:g} in every molecule. "
        f"Positions are to be in Å{factor}."
    )


def _check_distances(trajectory: Trajectory) -> None:
    first, second = np.triu_indices(len(trajectory.symbols), 1)
    faulty = np.zeros(len(trajectory.positions), dtype=bool)
    for start in range(0, len(faulty), CHUNK):
        positions = np.asarray(trajectory.positions[start : start + CHUNK], dtype=np.float32)
        gaps = positions[:, first] - positions[:, second]
        near = np.einsum("npx,npx->np", gaps, gaps) < CLOSEST**2
        faulty[start : start + CHUNK] = near.any(axis=1)
    refuse_frames(
        trajectory,
        faulty,
        f"two atoms nearer than {CLOSEST:g} Å",
        "Leave them out; positions are to be in Å.",
    )


def _remedy(unit: str | None, fits: Sequence[str]) -> str:
    """What to do with energies and forces that fit none but these units of forces."""
    if not fits:
        key = "" if unit in (None, "eV") else ", and use data.energy_unit=eV"
        return f"no unit fits both. Convert energies to eV and forces to eV/Å{key}."
    energy, _ = FORCE_UNITS[fits[0]]
    likely = [name for name in fits if FORCE_UNITS[name][0] == energy]
    fit = f"as {' or '.join(likely)} they fit. "
    if unit is None:
        return f"{fit}Convert energies to eV and forces to eV/Å."
    use = [f"use data.energy_unit={energy}"] if energy != unit else []
    if f"{energy}/Bohr" in likely:
        where = " where they are per Bohr" if len(likely) > 1 else ""
        use.append(f"multiply the forces by {1 / ANGSTROM_PER_BOHR:.6g}{where}")
    told = " and ".join(use)
    return f"{fit}{told[0].upper()}{told[1:]}."
