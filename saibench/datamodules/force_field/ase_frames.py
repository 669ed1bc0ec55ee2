"""Frames that ASE reads, as a source of a trajectory gives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from saibench.datamodules.force_field.trajectory import centred
from saibench.errors import UserError


def frames_of_atoms(images: Sequence[Atoms], where: str) -> dict[str, np.ndarray]:
    """Atomic numbers, centred positions in Å, energies in eV and forces in eV/Å.

    With `sample_id` and `time` they are what `cached_trajectory` asks a source for.

    Args:
        images: of one isolated molecule, its atoms always in the same order, with energies and
            forces, as `ase.io.read(path, ":")` gives them.
        where: they are from, for the sentence of a refusal.

    Raises:
        UserError: a periodic cell, two compositions or orders of atoms, no energy or forces; by
            the frame's row.
    """
    if not images:
        raise UserError(f"{where} has no frame.")
    first = images[0]
    for row, atoms in enumerate(images):
        if atoms.pbc.any():
            raise UserError(
                f"{where}, frame {row} has a periodic cell (pbc={atoms.pbc.tolist()}), which is "
                "not supported: its molecule would be taken as isolated. Use isolated molecules."
            )
        if not np.array_equal(atoms.numbers, first.numbers):
            given, other = first.get_chemical_formula(), atoms.get_chemical_formula()
            what = f"{other}" if other != given else f"{other} in another order of its atoms"
            raise UserError(
                f"{where}, frame {row} is of {what}, where frame 0 is of {given}: frames of two "
                "compositions or orders are not supported. Use one molecule, in one order."
            )
    return {
        "atomic_numbers": first.numbers.astype(np.int64),
        "positions": centred(np.stack([atoms.positions for atoms in images])),
        "energies": np.array([_labelled(atoms, row, where)[0] for row, atoms in enumerate(images)]),
        "forces": np.stack([_labelled(atoms, row, where)[1] for row, atoms in enumerate(images)]),
    }


def _labelled(atoms: Atoms, row: int, where: str) -> tuple[float, np.ndarray]:
    try:
        return atoms.get_potential_energy(), atoms.get_forces()
    except (PropertyNotImplementedError, RuntimeError) as error:
        raise UserError(f"{where}, frame {row} has no energy and forces: {error}.") from error
