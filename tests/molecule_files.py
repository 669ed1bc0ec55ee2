"""Files of molecules, each of whose atoms has a spring of 35 eV/Å²."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
NAMES = ("H2O", "CH4", "CH3OH")
ATOMIC_ENERGIES = {"H": -13.6, "C": -1030.0, "O": -2043.0}
"""eV"""


def water_frames(
    count: int, spread: float = 0.03, seed: int = 0, *, forces: bool = True
) -> list[Atoms]:
    """Water molecules whose atoms are displaced by `spread` Å, far from the origin."""
    random = np.random.default_rng(seed)
    return [
        _displaced(Atoms("OHH", WATER + 200), spread * random.normal(size=(3, 3)), -2000, forces)
        for _ in range(count)
    ]


def spring_frames(
    count: int, names: Sequence[str] = NAMES, seed: int = 0, *, forces: bool = True
) -> list[Atoms]:
    """Frames of these molecules in turn."""
    random = np.random.default_rng(seed)
    images = []
    for number in range(count):
        atoms = molecule(names[number % len(names)])
        moved = 0.03 * random.normal(size=(len(atoms), 3))
        moved[atoms.numbers > 1] *= 0.2  # so that the forces on hydrogen follow its bond length
        lowest = sum(ATOMIC_ENERGIES[symbol] for symbol in atoms.get_chemical_symbols())
        images.append(_displaced(atoms, moved, lowest, forces))
    return images


def _displaced(atoms: Atoms, moved: np.ndarray, lowest: float, forces: bool) -> Atoms:
    """The atoms, displaced from where the energy is lowest, with energy and forces."""
    atoms.positions += moved
    energy = lowest + 17.5 * float(np.square(moved).sum())
    of_forces = {"forces": -35 * moved} if forces else {}
    atoms.calc = SinglePointCalculator(atoms, energy=energy, **of_forces)
    return atoms


def write_frames(path: Path, images: Sequence[Atoms]) -> Path:
    ase.io.write(path, images, format="extxyz")
    return path
