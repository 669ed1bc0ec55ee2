"""Atomic energies, to which the energies of several molecules are relative.

The total energy of a molecule is dominated by the sum of the energies of its atoms, thousands of eV
for a few heavy atoms, which a net need not learn.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from saibench.formatting import joined

log = logging.getLogger(__name__)


def fitted_atomic_energies(
    counts: np.ndarray, energies: np.ndarray, type_names: Sequence[str]
) -> np.ndarray:
    """Energy of an atom of each type `(S,)`: least squares of energies on numbers of atoms.

    Of smallest norm if the compositions do not determine it; then a warning names the types.

    Args:
        counts: `(N, S)` numbers of atoms by type.
        energies: `(N,)` total energies.
        type_names: chemical symbols.
    """
    found, _, rank, _ = np.linalg.lstsq(counts.astype(np.float64), energies, rcond=None)
    if rank < len(type_names):
        log.warning(
            "the compositions of the training frames do not determine the atomic energies of %s: "
            "energies of other compositions are off by a constant.",
            joined(list(type_names)),
        )
    return found
