"""One frame of a file: atoms, positions, and labels by the names that the file gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from saibench.datamodules.force_field.trajectory import formula
from saibench.errors import UserError


@dataclass(frozen=True, eq=False)
class Frame:
    """A atoms with all numbers of the frame and all vectors of its atoms.

    Args:
        numbers: (A,) int64, atomic numbers.
        positions: (A, 3) float64 in Å.
        pbc: periodicity along the three cell vectors.
        scalars: name → number of the frame, such as an energy.
        vectors: name → (A, 3), such as forces.
    """

    numbers: np.ndarray
    positions: np.ndarray
    pbc: tuple[bool, ...]
    scalars: Mapping[str, float]
    vectors: Mapping[str, np.ndarray]

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
        )


def refuse_periodic(pbc: np.ndarray | tuple[bool, ...], where: str) -> None:
    """Raise UserError if a frame is periodic.

    Args:
        pbc: periodicity along the three cell vectors.
        where: file and frame.
    """
    if any(pbc):
        raise UserError(
            f"{where} has a periodic cell (pbc={[bool(one) for one in pbc]}), which is not "
            "supported. Use isolated molecules."
        )


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
