"""One frame of a file: atoms, positions, and labels by the names that the file gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from saibench.datamodules.force_field.trajectory import formula
from saibench.errors import UserError

ISOLATED = 8.0
"""Å between an atom and its periodic images, from which it is isolated."""
TENSORS = ((6,), (9,), (3, 3))
"""Shapes of a symmetric tensor in files: Voigt's order (xx, yy, zz, yz, xz, xy), or rows."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A atoms with all numbers and tensors of the frame, and all vectors of its atoms.

    Args:
        numbers: (A,) int64, atomic numbers.
        positions: (A, 3) float64 in Å.
        pbc: periodicity along the three cell vectors.
        scalars: name → number of the frame, such as an energy.
        vectors: name → (A, 3), such as forces.
        cell: (3, 3), its vectors in Å as rows; zeros where the file has none.
        tensors: name → values in one of the shapes `TENSORS`, such as a stress.
    """

    numbers: np.ndarray
    positions: np.ndarray
    pbc: tuple[bool, ...]
    scalars: Mapping[str, float]
    vectors: Mapping[str, np.ndarray]
    cell: np.ndarray = field(default_factory=lambda: np.zeros((3, 3)))
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, atoms: Atoms) -> Frame:
        """A frame of ASE, whose labels are in a calculator, in `info` or in `arrays`.

        Those of an ASE database are in `info` under `key_value_pairs` and `data`.
        """
        results = {} if atoms.calc is None else atoms.calc.results
        info = dict(atoms.info)
        for nested in ("key_value_pairs", "data"):
            inner = info.pop(nested, None)
            info |= inner if isinstance(inner, Mapping) else {}
        known = {**info, **atoms.arrays, **results}
        return cls(
            atoms.numbers.astype(np.int64),
            atoms.positions,
            tuple(map(bool, atoms.pbc)),
            {name: float(value) for name, value in known.items() if is_number(value)},
            {
                name: np.asarray(value, dtype=np.float64)
                for name, value in known.items()
                if name != "positions" and np.shape(value) == (len(atoms), 3)
            },
            np.array(atoms.cell),
            {
                name: np.asarray(value, dtype=np.float64)
                for name, value in {**info, **results}.items()
                if is_tensor(value)
            },
        )

    @property
    def is_isolated_atom(self) -> bool:
        """Whether it is a single atom, far from its periodic images if there are any."""
        if len(self.numbers) > 1:
            return False
        lengths = np.linalg.norm(self.cell, axis=1)[list(self.pbc)]
        return bool((lengths >= ISOLATED).all())


def refuse_other_molecule(
    numbers: np.ndarray, first: np.ndarray, where: str, first_where: str, else_use: str = ""
) -> None:
    """Raise UserError if a frame has other atoms than the first, or another order of them.

    Args:
        numbers: (A,) atomic numbers of the frame.
        first: those of the first.
        where: file and frame.
        first_where: the same of the first.
        else_use: what to use for several molecules.
    """
    if np.array_equal(numbers, first):
        return
    given, found = formula(first), formula(numbers)
    if found == given:
        found = f"{given} in another order of atoms"
    raise UserError(
        f"{where} is {found}, but {first_where} is {given}. Use one molecule, in one order of "
        f"atoms{else_use}."
    )


def is_number(value: object) -> bool:
    """Whether a value is one number, not a bool."""
    if isinstance(value, bool | np.bool_):
        return False
    return isinstance(value, int | float | np.number) and np.ndim(value) == 0


def is_tensor(value: Any) -> bool:
    """Whether a value has as many numbers as a symmetric tensor."""
    return np.shape(value) in TENSORS and np.asarray(value).dtype.kind in "fiu"
