"""Extended XYZ files of harmonic water molecules."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])


def write_water(path: Path, count: int, spread: float, *, forces: bool = True) -> None:
    """Harmonic water molecules of which each atom has a spring of 35 eV/Å²."""
    random = np.random.default_rng(count)
    images = []
    for _ in range(count):
        moved = spread * random.normal(size=(3, 3))
        atoms = Atoms("OHH", WATER + moved)
        of_forces = {"forces": -35 * moved} if forces else {}
        energy = -2000 + 17.5 * float(np.square(moved).sum())
        atoms.calc = SinglePointCalculator(atoms, energy=energy, **of_forces)
        images.append(atoms)
    ase.io.write(path, images, format="extxyz")
