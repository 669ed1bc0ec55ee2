"""Conversion factors of units. Readers convert once; nothing else does.

Energies are stored in eV and lengths in Å; errors are reported in meV and meV/Å (DESIGN, "Every
number").
"""

from __future__ import annotations

EV_PER_KCAL_PER_MOL = 4184.0 / (6.02214076e23 * 1.602176634e-19)
"""1 kcal/mol in eV, 0.0433641…: thermochemical calorie, exact constants of the SI since 2019."""

EV_PER_KJ_PER_MOL = EV_PER_KCAL_PER_MOL / 4.184

EV_PER_HARTREE = 27.211386245988
"""CODATA 2018."""

ANGSTROM_PER_BOHR = 0.529177210903
"""CODATA 2018."""

EV_PER_A3_PER_GPA = 1e9 * 1e-30 / 1.602176634e-19
"""1 GPa in eV/Å³, 0.0062415…"""

MEV_PER_EV = 1000.0

PS_PER_FS = 1.0e-3

EV_PER_AMU_A2_PER_PS2 = 1.66053906660e-27 * 1e4 / 1.602176634e-19
"""1 amu (Å/ps)² in eV, 1.0364e-4: CODATA 2018."""
