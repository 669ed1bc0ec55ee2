"""Molecules for the simulation, and their initial geometries."""

from __future__ import annotations

from ase import Atoms
from ase.collections import g2

from saibench.errors import UserError, closest

G2_NAMES = {
    "acetaldehyde": "CH3CHO",
    "benzene": "C6H6",
    "butane": "trans-butane",
    "ethanol": "CH3CH2OH",
    "ethane": "C2H6",
    "formic_acid": "HCOOH",
    "methanol": "CH3OH",
    "methane": "CH4",
    "propane": "C3H8",
    "water": "H2O",
}
"""Common name → name in the G2 test set, whose MP2 geometries are in ASE."""

# Relaxed with GFN2-xTB to forces below 3 meV/Å; in Å.
_RELAXED = {
    "glycolaldehyde": Atoms(
        "CCOOHHHH",
        [
            (-0.977, 0.123, 0.000),
            (0.507, 0.350, 0.000),
            (-1.809, 0.982, 0.000),
            (1.291, -0.813, 0.000),
            (-1.259, -0.955, 0.000),
            (0.761, 0.953, 0.884),
            (0.761, 0.953, -0.884),
            (0.725, -1.593, 0.000),
        ],
    ),
    "malonaldehyde": Atoms(
        "CCCOOHHHH",
        [
            (-1.245, 0.212, -0.176),
            (0.002, -0.390, 0.418),
            (1.243, 0.202, -0.197),
            (-2.163, 0.640, 0.456),
            (2.175, 0.623, 0.420),
            (-1.244, 0.225, -1.284),
            (0.011, -0.272, 1.502),
            (-0.004, -1.456, 0.165),
            (1.224, 0.215, -1.304),
        ],
    ),
    "propanol": Atoms(
        "CCCOHHHHHHHH",
        [
            (-1.553, 0.218, 0.000),
            (-0.271, -0.603, 0.000),
            (0.970, 0.284, 0.000),
            (2.112, -0.545, 0.000),
            (-1.601, 0.853, 0.882),
            (-1.601, 0.853, -0.882),
            (-2.420, -0.436, 0.000),
            (-0.233, -1.245, 0.881),
            (-0.233, -1.245, -0.881),
            (0.964, 0.930, 0.891),
            (0.964, 0.930, -0.891),
            (2.902, 0.005, 0.000),
        ],
    ),
}


def initial_geometry(molecule: str) -> Atoms:
    """A molecule near its equilibrium, by its common name or its name in the G2 test set.

    Raises UserError: an unknown name, or a single atom.
    """
    if molecule in _RELAXED:
        return _RELAXED[molecule].copy()
    name = G2_NAMES.get(molecule, molecule)
    if name not in g2.names or len(g2[name]) == 1:
        raise UserError(
            f"data.molecule={molecule} is not a molecule of ASE's G2 set, nor a common name; "
            f"{closest(molecule, [*G2_NAMES, *_RELAXED])}"
        )
    return g2[name]
