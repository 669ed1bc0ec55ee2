"""Units of the product. Conversions happen once, in a reader, and nowhere else.

Molecules are stored in eV and Å and reported in meV and meV/Å (DESIGN, "Every number").
"""

from __future__ import annotations

EV_PER_KCAL_PER_MOL = 0.0433641153087705
"""1 kcal/mol in eV: `ase.units.kcal / ase.units.mol` (CODATA 2014)."""

MEV_PER_EV = 1000.0

PS_PER_FS = 1.0e-3
