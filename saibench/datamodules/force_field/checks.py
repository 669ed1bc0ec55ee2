"""What a trajectory from any source must be, before a model learns from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from saibench.datamodules.force_field.energy_units import (
    STIFFNESS,
    WORK,
    bond_stiffness,
    likely_unit,
    work_ratio,
)
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError

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
            all 0, energies or forces in another unit than is said.
    """
    _check_shapes(trajectory)
    for name in ("time", "positions", "energies", "forces"):
        values = getattr(trajectory, name)
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        refuse_frames(trajectory, ~finite, f"'{name}' that are not finite", "Leave them out.")
    _check_distances(trajectory)
    if len(trajectory.symbols) > 1:
        still = ~np.any(trajectory.forces, axis=(1, 2))
        refuse_frames(
            trajectory, still, "forces that are all 0", "Leave them out, or give their forces."
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
    low, high = STIFFNESS
    if stiffness is not None and not low <= stiffness <= high:
        fits = likely_unit(stiffness, taken_for)
        raise UserError(
            f"{trajectory.name}: taken as {taken_for}/Å, the forces give bonds to hydrogen a force "
            f"constant of {stiffness:.3g} eV/Å², which lies between {low:g} and {high:g} in every "
            f"molecule{'' if fits is None else f'; as {fits}/Å they fit'}. {_remedy(unit, fits)}"
        )
    ratio = work_ratio(
        trajectory.positions, trajectory.energies, trajectory.forces, trajectory.time
    )
    if ratio is not None and not WORK[0] <= ratio <= WORK[1]:
        raise UserError(
            f"{trajectory.name}: energies change by {ratio:.3g} times the work of the forces from "
            "frame to frame, which must be 1: energies and forces are in different units. Convert "
            "one of them."
        )
    if stiffness is None and ratio is None:
        log.warning(
            "%s: the units could not be checked, as no bond to hydrogen is seen to vibrate and "
            "frames are too few or too far apart: energies are taken as %s, forces as %s/Å.",
            trajectory.name,
            taken_for,
            taken_for,
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


def _remedy(unit: str | None, fits: str | None) -> str:
    if unit is not None and fits is not None:
        return f"Use data.energy_unit={fits}."
    return "Convert them to eV and eV/Å."
