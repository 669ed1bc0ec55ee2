"""Conversion of ASE's frames to the arrays of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from saibench.datamodules.force_field.frames import refuse_other_molecule, refuse_periodic
from saibench.datamodules.force_field.trajectory import centred
from saibench.errors import UserError


def frames_of_atoms(images: Sequence[Atoms], where: str) -> dict[str, np.ndarray]:
    """Atomic numbers, centred positions in Å, energies in eV and forces in eV/Å.

    Together with `sample_id` and `time` they are the arrays for `cached_trajectory`.

    Args:
        images: frames of one isolated molecule in a constant order of atoms, with energies and
            forces, such as `ase.io.read(path, ":")`.
        where: origin of the frames, for error messages.

    Raises:
        UserError: a periodic cell, another composition or order of atoms, a missing energy or
            force, with the number of the frame.
    """
    _refuse_other_molecules(images, where)
    labels = [_labels(atoms, row, where) for row, atoms in enumerate(images)]
    return {
        "atomic_numbers": images[0].numbers.astype(np.int64),
        "positions": centred(np.stack([atoms.positions for atoms in images])),
        "energies": np.array([energy for energy, _ in labels]),
        "forces": np.stack([forces for _, forces in labels]),
    }


def _refuse_other_molecules(images: Sequence[Atoms], where: str) -> None:
    if not images:
        raise UserError(f"{where} has no frame. Use a file with frames.")
    for row, atoms in enumerate(images):
        place = f"{where}, frame {row}"
        refuse_periodic(atoms.pbc, place)
        refuse_other_molecule(atoms.numbers, images[0].numbers, place, "frame 0")


def _labels(atoms: Atoms, row: int, where: str) -> tuple[float, np.ndarray]:
    try:
        return atoms.get_potential_energy(), atoms.get_forces()
    except (PropertyNotImplementedError, RuntimeError) as error:
        raise UserError(
            f"{where}, frame {row} has no energy or forces ({error}). Use labelled frames."
        ) from error
