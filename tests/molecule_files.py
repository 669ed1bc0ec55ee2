"""Files of several molecules, each of whose atoms has a spring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

NAMES = ("H2O", "CH4", "CH3OH")
ATOMIC_ENERGIES = {"H": -13.6, "C": -1030.0, "O": -2043.0}
"""eV"""


def spring_frames(
    count: int, names: Sequence[str] = NAMES, seed: int = 0, *, forces: bool = True
) -> list[Atoms]:
    """Frames of these molecules in turn, with springs of 35 eV/Å²."""
    random = np.random.default_rng(seed)
    images = []
    for number in range(count):
        atoms = molecule(names[number % len(names)])
        moved = 0.03 * random.normal(size=(len(atoms), 3))
        moved[atoms.numbers > 1] *= 0.2  # so that the forces on hydrogen follow its bond length
        atoms.positions += moved
        energy = 17.5 * float(np.square(moved).sum())
        energy += sum(ATOMIC_ENERGIES[symbol] for symbol in atoms.get_chemical_symbols())
        of_forces = {"forces": -35 * moved} if forces else {}
        atoms.calc = SinglePointCalculator(atoms, energy=energy, **of_forces)
        images.append(atoms)
    return images


def write_frames(path: Path, images: Sequence[Atoms]) -> Path:
    ase.io.write(path, images, format="extxyz")
    return path
