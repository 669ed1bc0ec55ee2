"""Frames of periodic crystals, labelled by potentials of ASE."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

CELLS = ((2, 2, 2), (2, 2, 1))


def crystal_frames(
    count: int, seed: int = 0, *, sizes: int = 1, stress: bool = True, displaced: float = 0.08
) -> list[Atoms]:
    """Strained and displaced cells of copper, with energy, forces and stress of EMT.

    Args:
        count: number of frames.
        seed: of strains and displacements.
        sizes: number of different cells: of 8 atoms, and of 4.
        stress: whether the frames have it.
        displaced: standard deviation of the displacements in Å.
    """
    random = np.random.default_rng(seed)
    images = []
    for row in range(count):
        atoms = bulk("Cu") * CELLS[row % sizes]
        strain = np.eye(3) + 0.02 * random.normal(size=(3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.positions += displaced * random.normal(size=atoms.positions.shape)
        images.append(_labelled(atoms, stress))
    return images


def _labelled(atoms: Atoms, stress: bool) -> Atoms:
    atoms.calc = EMT()
    names = ("energy", "forces", "stress") if stress else ("energy", "forces")
    labels = {name: atoms.calc.get_property(name, atoms) for name in names}
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms
