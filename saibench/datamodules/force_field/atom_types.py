"""Atom types: positions in a list of chemical symbols, by which a net tells elements apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, chemical_symbols


def atom_types(numbers: np.ndarray, type_names: Sequence[str]) -> np.ndarray:
    """Type of each atom, -1 for atomic number 0, which is padding.

    >>> atom_types(np.array([[8, 1, 1], [8, 8, 0]]), ["H", "O"]).tolist()
    [[1, 0, 0], [1, 1, -1]]
    """
    types = np.full(len(chemical_symbols), -1)
    types[[atomic_numbers[name] for name in type_names]] = np.arange(len(type_names))
    return types[numbers]


def count_types(numbers: np.ndarray, type_names: Sequence[str]) -> np.ndarray:
    """`(N, S)` numbers of atoms of each type in frames of atomic numbers `(N, A)`.

    >>> count_types(np.array([[8, 1, 1], [8, 8, 0]]), ["H", "O"]).tolist()
    [[2, 1], [0, 2]]
    """
    types = atom_types(numbers, type_names)
    return np.stack([(types == one).sum(axis=1) for one in range(len(type_names))], axis=1)
