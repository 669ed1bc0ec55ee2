"""Frames of periodic crystals, labelled by potentials of ASE."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

CELLS = ((2, 2, 2), (2, 2, 1))


def crystal_frames(
    count: int, seed: int = 0, *, sizes: int = 1, stress: bool = True
) -> list[Atoms]:
    """Strained and displaced cells of copper, with energy, forces and stress of EMT.

    Args:
        count: number of frames.
        seed: of strains and displacements.
        sizes: number of different cells: of 8 atoms, and of 4.
        stress: whether the frames have it.
    """
    random = np.random.default_rng(seed)
    return [_labelled(bulk("Cu") * CELLS[row % sizes], random, stress) for row in range(count)]


def _labelled(atoms: Atoms, random: np.random.Generator, stress: bool) -> Atoms:
    strain = np.eye(3) + 0.02 * random.normal(size=(3, 3))
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    atoms.positions += 0.08 * random.normal(size=atoms.positions.shape)
    atoms.calc = EMT()
    names = ("energy", "forces", "stress") if stress else ("energy", "forces")
    labels = {name: atoms.calc.get_property(name, atoms) for name in names}
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms
