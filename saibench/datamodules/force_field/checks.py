"""Checks of a trajectory from any source, before training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from saibench.datamodules.force_field.accelerations import RATIO, acceleration_ratio
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

MIN_DISTANCE = 0.3
"""Å between two atoms of a molecule; H-H is 0.74 Å, and 0.6 Å in a collision."""
CHUNK = 2000
"""Frames whose distances are computed at once."""
MAX_DEVIATION = 30.0
"""eV per atom between two frames of a molecule, three times the energy that binds an atom."""
MAX_LISTED = 3
"""Frames listed in an error."""


def check_trajectory(trajectory: Trajectory, unit: str | None = None) -> None:
    """Refuse a trajectory that is unusable for training.

    Args:
        trajectory: from any source.
        unit: unit of the energies, if it is an option of the source (`data.energy_unit`).

    Raises:
        UserError: wrong shapes, NaN or Inf, coinciding atoms, forces that are all 0, constant
            energies, or another unit than stated.
    """
    _check_shapes(trajectory)
    has_forces = trajectory.has_forces
    for name in ("time", "positions", "energies", "forces"):
        values = getattr(trajectory, name)
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if name == "forces" and has_forces is not None:
            finite |= ~has_forces
        refuse_frames(trajectory, ~finite, f"NaN or Inf in '{name}'", "Remove them.")
    _check_length(trajectory)
    _check_distances(trajectory)
    if trajectory.positions.shape[1] > 1:
        still = ~np.any(trajectory.forces, axis=(1, 2))  # NaN counts as a force
        refuse_frames(
            trajectory, still, "forces that are all 0", "Remove them, or add their forces."
        )
        if len(trajectory.energies) > 1 and not np.ptp(trajectory.energies) > 0:
            raise UserError(
                f"{trajectory.name} has energies that are all {trajectory.energies[0] + 0.0:g} eV "
                f"in {len(trajectory.energies)} frames. Use the energy of each frame."
            )
    _check_energies(trajectory)
    with_forces = trajectory.with_forces()
    for part in _files(with_forces):
        check_units(part, unit, warn=False)
    check_units(with_forces, unit)


def check_units(trajectory: Trajectory, unit: str | None = None, *, warn: bool = True) -> None:
    """Refuse energies and forces in another unit than stated.

    Of several molecules only the forces are checked: their frames are not successive.

    Args:
        trajectory: frames with forces.
        unit: as in `check_trajectory`.
        warn: whether to warn if the unit cannot be checked.

    Raises:
        UserError: names the unit that fits, and how to set it.
    """
    assumed = unit or "eV"
    stiffness, work = _stiffness(trajectory), None
    if stiffness is not None and stiffness < 0:
        raise UserError(
            f"{trajectory.name}: the forces have the wrong sign; they are gradients of the energy. "
            "Use their negative."
        )
    if not trajectory.is_mixed:
        work = work_ratio(
            trajectory.positions, trajectory.energies, trajectory.forces, trajectory.time
        )
    fits = fitting_units(stiffness, work, assumed)
    if f"{assumed}/Å" not in fits:
        faults = []
        low, high = STIFFNESS
        if stiffness is not None and not low <= stiffness <= high:
            faults.append(
                f"forces in {assumed}/Å imply a force constant of bonds to hydrogen of "
                f"{stiffness:.3g} eV/Å², outside the range of molecules ({low:g} to {high:g})"
            )
        if work is not None and not fits_work(work):
            nearest = min(work, key=lambda ratio: abs(ratio - 1))
            faults.append(
                f"energy differences between frames are {nearest:.3g} times the work of the forces "
                "instead of 1"
            )
        raise UserError(f"{trajectory.name}: {', and '.join(faults)}. {_remedy(unit, fits)}")
    _check_accelerations(trajectory)
    if warn and work is None:
        per_bohr = f"{assumed}/Bohr"
        log.warning(
            "%s: %s could not be checked, since frames are too few or too far apart%s. Energies "
            "are assumed to be in %s, forces in %s/Å%s.",
            trajectory.name,
            "the units" if stiffness is None else "the unit of the energies",
            " and no bond to hydrogen vibrates" if stiffness is None else "",
            assumed,
            assumed,
            f"; {per_bohr} is possible, too" if per_bohr in fits else "",
        )


def _files(trajectory: Trajectory) -> Iterator[Trajectory]:
    """The frames of each file, if there are several: files may have different units."""
    of_frame = np.asarray(trajectory.columns.get("file", ()))
    files = np.unique(of_frame)
    for file in files if len(files) > 1 else ():
        part = trajectory.rows(np.flatnonzero(of_frame == file))
        yield replace(part, name=f"{trajectory.name}, file {file}")


def _check_energies(trajectory: Trajectory) -> None:
    """Refuse frames whose energy no geometry explains, as those of another unit or method."""

    def is_far(molecule: Trajectory) -> np.ndarray:
        deviation = np.abs(molecule.energies - np.median(molecule.energies))
        return deviation > MAX_DEVIATION * len(molecule.symbols)

    _refuse_frames_of_molecules(
        trajectory,
        is_far,
        f"energies that differ by more than {MAX_DEVIATION:g} eV per atom from those of other "
        "frames of the molecule",
        "Use one unit and one method, and total energies.",
    )


def _check_accelerations(trajectory: Trajectory) -> None:
    """Raise UserError if the forces contradict Newton's second law."""
    if trajectory.is_mixed:
        return
    positions, time = trajectory.positions, trajectory.time
    ratio = acceleration_ratio(trajectory.atomic_numbers, positions, trajectory.forces, time)
    low, high = RATIO
    if ratio is None or low <= ratio <= high:
        return
    apart = 1000 * np.min(np.diff(time)[np.diff(time) > 0])
    raise UserError(
        f"{trajectory.name}: mass times acceleration is {ratio:.3g} times the force, with "
        f"{apart:.3g} fs between frames. Frames {apart * np.sqrt(ratio):.2g} fs apart fit, or "
        "forces in another unit. Correct data.timestep or data.energy_unit."
    )


def _stiffness(trajectory: Trajectory) -> float | None:
    """Median over the molecules of `bond_stiffness`; None if it is unknown for all."""
    found = [
        stiffness
        for one in trajectory.molecules()
        if (stiffness := bond_stiffness(one.atomic_numbers, one.positions, one.forces)) is not None
    ]
    return float(np.median(found)) if found else None


def refuse_frames(trajectory: Trajectory, faulty: np.ndarray, fault: str, remedy: str) -> None:
    """Raise UserError if any frame is faulty, with row, id and time.

    Args:
        trajectory: the frames.
        faulty: (T,) bool.
        fault: what the frames have.
        remedy: what to do.
    """
    rows = np.flatnonzero(faulty)
    if not len(rows):
        return
    listed = [
        f"{row} (sample_id {trajectory.sample_id[row]}, {_place(trajectory, row)})"
        for row in rows[:MAX_LISTED]
    ]
    more = ", …" if len(rows) > MAX_LISTED else ""
    raise UserError(
        f"{trajectory.name} has {fault} in {len(rows)} of {len(faulty)} frames: row "
        f"{', '.join(listed)}{more}. {remedy}"
    )


def _refuse_frames_of_molecules(
    trajectory: Trajectory, faulty: Callable[[Trajectory], np.ndarray], fault: str, remedy: str
) -> None:
    """As `refuse_frames`, with a function of the frames of each molecule."""
    ids = np.concatenate([one.sample_id[faulty(one)] for one in trajectory.molecules()])
    refuse_frames(trajectory, np.isin(trajectory.sample_id, ids), fault, remedy)


def _place(trajectory: Trajectory, row: int) -> str:
    file = trajectory.columns.get("file")
    return f"{trajectory.time[row]:g} ps" if file is None else f"file {file[row]}"


def _check_shapes(trajectory: Trajectory) -> None:
    frames, atoms = len(trajectory.sample_id), trajectory.atomic_numbers.shape[-1]
    shapes: dict[str, Sequence[int]] = {
        "atomic_numbers": (frames, atoms) if trajectory.is_mixed else (len(trajectory.symbols),),
        "positions": (frames, atoms, 3),
        "energies": (frames,),
        "forces": (frames, atoms, 3),
        "time": (frames,),
    }
    for name, expected in shapes.items():
        found = np.shape(getattr(trajectory, name))
        if found != expected:
            raise UserError(
                f"{trajectory.name}: '{name}' has shape {found}. Expected: {expected}, for "
                f"{frames} frames of {atoms} atoms."
            )


def _check_length(trajectory: Trajectory) -> None:
    distance = neighbour_distance(
        (molecule.atomic_numbers, molecule.positions) for molecule in trajectory.molecules()
    )
    low, high = LENGTHS
    if distance is None or low <= distance <= high:
        return
    unit = likely_length(distance)
    factor = f". Those in {unit} fit: multiply them by {LENGTH_UNITS[unit]:.6g}" if unit else ""
    raise UserError(
        f"{trajectory.name}: distances of neighbouring atoms are {distance:.3g} times the sum of "
        f"their covalent radii, outside the range of molecules ({low:g} to {high:g}). Use "
        f"positions in Å{factor}."
    )


def _check_distances(trajectory: Trajectory) -> None:
    _refuse_frames_of_molecules(
        trajectory,
        _has_coinciding_atoms,
        f"two atoms nearer than {MIN_DISTANCE:g} Å",
        "Remove them, or convert positions to Å.",
    )


def _has_coinciding_atoms(molecule: Trajectory) -> np.ndarray:
    """(T,) bool."""
    first, second = np.triu_indices(len(molecule.symbols), 1)
    found = np.zeros(len(molecule.positions), dtype=bool)
    for start in range(0, len(found), CHUNK):
        positions = np.asarray(molecule.positions[start : start + CHUNK], dtype=np.float32)
        gaps = positions[:, first] - positions[:, second]
        near = np.einsum("npx,npx->np", gaps, gaps) < MIN_DISTANCE**2
        found[start : start + CHUNK] = near.any(axis=1)
    return found


def _remedy(unit: str | None, fits: Sequence[str]) -> str:
    """Advice for energies and forces that fit only these units of forces."""
    if not fits:
        key = "" if unit in (None, "eV") else ", and use data.energy_unit=eV"
        return f"No unit fits both. Convert energies to eV and forces to eV/Å{key}."
    energy, _ = FORCE_UNITS[fits[0]]
    likely = [name for name in fits if FORCE_UNITS[name][0] == energy]
    fit = f"Forces in {' or '.join(likely)} fit. "
    if unit is None:
        return f"{fit}Convert energies to eV and forces to eV/Å."
    use = [f"use data.energy_unit={energy}"] if energy != unit else []
    if f"{energy}/Bohr" in likely:
        condition = " if they are per Bohr" if len(likely) > 1 else ""
        use.append(f"multiply the forces by {1 / ANGSTROM_PER_BOHR:.6g}{condition}")
    advice = " and ".join(use)
    return f"{fit}{advice[0].upper()}{advice[1:]}."
