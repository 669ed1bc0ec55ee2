"""Conversion of ASE's frames to the arrays of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from saibench.datamodules.force_field.cells import periodic_cell
from saibench.datamodules.force_field.frames import Frame, refuse_other_molecule
from saibench.datamodules.force_field.stress import StressLabels
from saibench.datamodules.force_field.trajectory import centred
from saibench.errors import UserError


def frames_of_atoms(images: Sequence[Atoms], where: str) -> dict[str, np.ndarray]:
    """Atomic numbers, positions in Å (centred in molecules), energies in eV and forces in eV/Å.

    Of periodic frames also cells in Å and, if a frame has one, stress in eV/Å³. Together with
    `sample_id` and `time` they are the arrays for `cached_trajectory`.

    Args:
        images: frames of one molecule or crystal in a constant order of atoms, with energies and
            forces, such as `ase.io.read(path, ":")`.
        where: origin of the frames, for error messages.

    Raises:
        UserError: another composition or order of atoms, a missing energy or force, a faulty cell
            or stress, with the number of the frame.
    """
    _refuse_other_molecules(images, where)
    labels = [_labels(atoms, row, where) for row, atoms in enumerate(images)]
    cells = np.stack(
        [
            periodic_cell(np.array(atoms.cell), atoms.pbc, f"{where}, frame {row}")
            for row, atoms in enumerate(images)
        ]
    )
    positions = np.stack([atoms.positions for atoms in images])
    is_periodic = np.array([cell.any() for cell in cells])
    further = {"cells": cells, **_stress(images, cells, where)} if is_periodic.any() else {}
    return {
        **further,
        "atomic_numbers": images[0].numbers.astype(np.int64),
        "positions": np.where(is_periodic[:, None, None], positions, centred(positions)),
        "energies": np.array([energy for energy, _ in labels]),
        "forces": np.stack([forces for _, forces in labels]),
    }


def _refuse_other_molecules(images: Sequence[Atoms], where: str) -> None:
    if not images:
        raise UserError(f"{where} has no frame. Use a file with frames.")
    for row, atoms in enumerate(images):
        refuse_other_molecule(atoms.numbers, images[0].numbers, f"{where}, frame {row}", "frame 0")


def _stress(images: Sequence[Atoms], cells: np.ndarray, where: str) -> dict[str, np.ndarray]:
    """`stress` (T, 3, 3) in eV/Å³, NaN where a frame has none; nothing if all have none."""
    found = np.full((len(images), 3, 3), np.nan)
    for row, (atoms, cell) in enumerate(zip(images, cells, strict=True)):
        stress = StressLabels().of(Frame.of(atoms), cell, f"{where}, frame {row}")
        if stress is not None:
            found[row] = stress
    return {} if np.isnan(found).all() else {"stress": found}


def _labels(atoms: Atoms, row: int, where: str) -> tuple[float, np.ndarray]:
    try:
        return atoms.get_potential_energy(), atoms.get_forces()
    except (PropertyNotImplementedError, RuntimeError) as error:
        raise UserError(
            f"{where}, frame {row} has no energy or forces ({error}). Use labelled frames."
        ) from error
