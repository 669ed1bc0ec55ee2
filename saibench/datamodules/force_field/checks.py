"""Checks of a trajectory from any source, before training."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from saibench.datamodules.force_field.accelerations import RATIO, acceleration_ratio
from saibench.datamodules.force_field.cells import minimum_image, unwrapped
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
    neighbour_distances,
    smallest_neighbour_distance,
)
from saibench.datamodules.force_field.stress_units import check_stress
from saibench.datamodules.force_field.trajectory import Trajectory
from saibench.errors import UserError
from saibench.units import ANGSTROM_PER_BOHR

log = logging.getLogger(__name__)

MIN_DISTANCE = 0.3
"""Å between two atoms of a molecule; H-H is 0.74 Å, and 0.6 Å in a collision."""
PAIRS = 2_000_000
"""Distances between atoms that are computed at once."""
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
        UserError: wrong shapes, NaN or Inf, coinciding atoms, forces of a molecule that are all 0,
            constant energies, or another unit than stated, of the stress too.
    """
    _check_shapes(trajectory)
    has_forces = trajectory.has_forces
    for name in ("time", "positions", "energies", "forces", "cells"):
        values = getattr(trajectory, name)
        if values is None:
            continue
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if name == "forces" and has_forces is not None:
            finite |= ~has_forces
        refuse_frames(trajectory, ~finite, f"NaN or Inf in '{name}'", "Remove them.")
    found = Survey.of(trajectory)
    _check_length(trajectory, found.neighbour_distance)
    refuse_frames(
        trajectory,
        np.isin(trajectory.sample_id, found.coinciding),
        f"two atoms nearer than {MIN_DISTANCE:g} Å",
        "Remove them, or convert positions to Å.",
    )
    if trajectory.positions.shape[1] > 1:
        still = ~np.any(trajectory.forces, axis=(1, 2))  # NaN counts as a force
        if trajectory.cells is not None:  # a perfect crystal has no forces
            still &= ~np.any(trajectory.cells, axis=(1, 2))
        refuse_frames(
            trajectory, still, "forces that are all 0", "Remove them, or add their forces."
        )
        if len(trajectory.energies) > 1 and not np.ptp(trajectory.energies) > 0:
            raise UserError(
                f"{trajectory.name} has energies that are all {trajectory.energies[0] + 0.0:g} eV "
                f"in {len(trajectory.energies)} frames. Use the energy of each frame."
            )
    refuse_frames(
        trajectory,
        np.isin(trajectory.sample_id, found.far),
        f"energies that differ by more than {MAX_DEVIATION:g} eV per atom from those of other "
        "frames of the molecule",
        "Use one unit and one method, and total energies.",
    )
    with_forces = trajectory.with_forces()
    for part in _files(with_forces):
        check_units(part, Survey.of(part).stiffness, unit, warn=False)
    check_units(with_forces, found.stiffness, unit)
    check_stress(trajectory)


@dataclass(frozen=True, eq=False)
class Survey:
    """What is computed molecule by molecule, in one pass.

    Args:
        neighbour_distance: as `lengths.neighbour_distance`.
        coinciding: ids of frames with coinciding atoms.
        far: ids of frames whose energy no geometry explains, as those of another unit or method.
        stiffness: median over the molecules of `bond_stiffness`; None if it is unknown for all.
    """

    neighbour_distance: float | None
    coinciding: np.ndarray
    far: np.ndarray
    stiffness: float | None

    @classmethod
    def of(cls, trajectory: Trajectory) -> Survey:
        medians: list[float] = []
        stiffness: list[float] = []
        coinciding, far = [], []
        for one in trajectory.molecules():
            medians += neighbour_distances(one.atomic_numbers, one.positions, one.cells)
            coinciding.append(one.sample_id[_has_coinciding_atoms(one)])
            deviation = np.abs(one.energies - np.median(one.energies))
            far.append(one.sample_id[deviation > MAX_DEVIATION * len(one.symbols)])
            known = one.with_forces()
            of_bonds = bond_stiffness(
                known.atomic_numbers, known.positions, known.forces, known.cells
            )
            stiffness += [] if of_bonds is None else [of_bonds]
        return cls(
            smallest_neighbour_distance(medians),
            np.concatenate(coinciding),
            np.concatenate(far),
            float(np.median(stiffness)) if stiffness else None,
        )


def check_units(
    trajectory: Trajectory, stiffness: float | None, unit: str | None = None, *, warn: bool = True
) -> None:
    """Refuse energies and forces in another unit than stated.

    Of several molecules only the forces are checked: their frames are not successive. The same
    holds for cells that change, whose stress does work too.

    Args:
        trajectory: frames with forces.
        stiffness: of its `Survey`.
        unit: as in `check_trajectory`.
        warn: whether to warn if the unit cannot be checked.

    Raises:
        UserError: names the unit that fits, and how to set it.
    """
    assumed = unit or "eV"
    work = None
    path = _path(trajectory)
    if stiffness is not None and stiffness < 0:
        raise UserError(
            f"{trajectory.name}: the forces have the wrong sign; they are gradients of the energy. "
            "Use their negative."
        )
    if path is not None:
        work = work_ratio(path, trajectory.energies, trajectory.forces, trajectory.time)
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
        atoms = len(trajectory.atomic_numbers)
        if work is not None and fits_work((work[0] * atoms, work[1] * atoms)):
            remedy = f"Energies per atom fit: multiply them by the {atoms} atoms of a frame."
        else:
            remedy = _remedy(unit, fits, only_work=stiffness is None)
        raise UserError(f"{trajectory.name}: {', and '.join(faults)}. {remedy}")
    of_newton = None if path is None else _check_accelerations(trajectory, path)
    if warn and stiffness is None and work is not None and of_newton is None:
        log.warning(
            "%s: energies fit forces, but their unit could not be checked, since no bond to "
            "hydrogen vibrates and no time step is known. It is assumed to be %s.",
            trajectory.name,
            assumed,
        )
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


def _path(trajectory: Trajectory) -> np.ndarray | None:
    """Positions (T, A, 3) of successive frames; None for several molecules or changing cells."""
    cells = trajectory.cells
    if trajectory.is_mixed or (cells is not None and np.ptp(cells, axis=0).any()):
        return None
    return trajectory.positions if cells is None else unwrapped(trajectory.positions, cells)


def _check_accelerations(trajectory: Trajectory, path: np.ndarray) -> float | None:
    """`acceleration_ratio`. Raises UserError: the forces contradict Newton's second law."""
    ratio = acceleration_ratio(trajectory.atomic_numbers, path, trajectory.forces, trajectory.time)
    low, high = RATIO
    if ratio is None or low <= ratio <= high:
        return ratio
    gaps = np.diff(trajectory.time)
    apart = 1000 * np.min(gaps[gaps > 0])
    raise UserError(
        f"{trajectory.name}: mass times acceleration is {ratio:.3g} times the force, with "
        f"{apart:.3g} fs between frames. Frames {apart * np.sqrt(ratio):.2g} fs apart fit, or "
        "forces in another unit. Correct data.timestep or data.energy_unit."
    )


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
        "cells": (frames, 3, 3),
        "stress": (frames, 3, 3),
    }
    for name, expected in shapes.items():
        if getattr(trajectory, name) is None:
            continue
        found = np.shape(getattr(trajectory, name))
        if found != expected:
            raise UserError(
                f"{trajectory.name}: '{name}' has shape {found}. Expected: {expected}, for "
                f"{frames} frames of {atoms} atoms."
            )


def _check_length(trajectory: Trajectory, distance: float | None) -> None:
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


def _has_coinciding_atoms(molecule: Trajectory) -> np.ndarray:
    """(T,) bool."""
    first, second = np.triu_indices(len(molecule.symbols), 1)
    found = np.zeros(len(molecule.positions), dtype=bool)
    at_once = max(1, PAIRS // max(1, len(first)))
    for start in range(0, len(found), at_once):
        part = slice(start, start + at_once)
        positions = np.asarray(molecule.positions[part], dtype=np.float32)
        gaps = positions[:, first] - positions[:, second]
        if molecule.cells is not None:
            gaps = minimum_image(gaps, molecule.cells[part])
        near = np.einsum("npx,npx->np", gaps, gaps) < MIN_DISTANCE**2
        found[part] = near.any(axis=1)
    return found


def _remedy(unit: str | None, fits: Sequence[str], only_work: bool) -> str:
    """Advice for energies and forces that fit only these units of forces.

    Args:
        only_work: whether they fit the energies, so that any unit of energies is possible.
    """
    if not fits:
        key = "" if unit in (None, "eV") else ", and use data.energy_unit=eV"
        return f"No unit fits both. Convert energies to eV and forces to eV/Å{key}."
    if only_work:
        key = "" if unit is None else ", and set data.energy_unit if energies are in another unit"
        return f"Forces per Bohr fit. Multiply them by {1 / ANGSTROM_PER_BOHR:.6g}{key}."
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
