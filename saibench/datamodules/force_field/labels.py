"""Energies and forces of a file's frames, by name; every fault is named by file and frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from saibench.datamodules.force_field.cells import periodic_cell
from saibench.datamodules.force_field.frames import Frame, refuse_other_molecule
from saibench.datamodules.force_field.stress import StressLabels
from saibench.errors import UserError, closest
from saibench.formatting import joined

ENERGY_KEYS = (
    *("energy", "REF_energy", "ref_energy", "DFT_energy", "dft_energy"),
    *("TotEnergy", "total_energy", "potential_energy", "Energy"),
)
FORCES_KEYS = (
    *("forces", "REF_forces", "ref_forces", "DFT_forces", "dft_forces"),
    *("force", "Forces"),
)
MissingForces = Literal["refuse", "mask"]
SEVERAL_MOLECULES = ", or data=ase for several molecules"


@dataclass(frozen=True)
class LabelKeys:
    """Names of the total energy and of the forces in a file; None if it has energies alone."""

    energy: str
    forces: str | None


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """The T frames of a file that are no isolated atoms.

    Args:
        numbers: of each frame, (A,) atomic numbers.
        positions: of each frame, (A, 3) in Å.
        energies: (T,) in the file's unit.
        forces: of each frame, (A, 3) in the file's unit; None if it has none.
        cells: (T, 3, 3) in Å, as in `force_field.cells`.
        stress: (T, 3, 3) in eV/Å³, NaN where it is unknown.
        rows: of each frame, its number in the file.
    """

    numbers: list[np.ndarray]
    positions: list[np.ndarray]
    energies: np.ndarray
    forces: list[np.ndarray | None]
    cells: np.ndarray
    stress: np.ndarray
    rows: list[int]


def labelled_frames(
    frames: Iterable[Frame],
    keys: LabelKeys,
    where: str,
    *,
    one_molecule: bool = True,
    missing_forces: MissingForces = "refuse",
    stress: StressLabels | None = None,
) -> LabelledFrames:
    """The frames with their labels, without isolated atoms.

    Args:
        frames: of a file.
        keys: names of the labels.
        where: the file, for messages.
        one_molecule: whether all frames must have the same atoms in one order.
        missing_forces: whether to refuse a frame without forces among frames with forces.
        stress: how the stress of periodic frames is read; by default ASE's, in eV/Å³.

    Raises:
        UserError: a frame is another molecule, has no energy, no forces while others have some,
            a faulty cell or stress, or NaN or Inf.
    """
    numbers: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    forces: list[np.ndarray | None] = []
    energies: list[float] = []
    rows: list[int] = []
    cells: list[np.ndarray] = []
    stresses: list[np.ndarray] = []
    stress = stress or StressLabels()
    for row, frame in enumerate(frames):
        if frame.is_isolated_atom:
            continue
        place = f"{where}, frame {row}"
        cell = np.zeros((3, 3))
        if any(frame.pbc):
            cell = periodic_cell(frame.cell, frame.pbc, place)
        if one_molecule and numbers:
            first = f"frame {rows[0]}"
            refuse_other_molecule(frame.numbers, numbers[0], place, first, SEVERAL_MOLECULES)
        energy = frame.scalars.get(keys.energy)
        own = None if keys.forces is None else frame.vectors.get(keys.forces)
        if energy is None:
            raise UserError(f"{place} has no '{keys.energy}'. Add it, or remove the frame.")
        if forces and missing_forces == "refuse" and (own is None) != (forces[0] is None):
            lacking, other = (row, rows[0]) if own is None else (rows[0], row)
            raise UserError(
                f"{where}, frame {lacking} has no '{keys.forces}', but frame {other} has. Use a "
                "file for each kind of frames, or data=ase data.missing_forces=mask (with "
                "`saibench import`: --set data.missing_forces=mask): such frames are scored by "
                "energy alone."
            )
        _refuse_not_finite(keys.energy, energy, place)
        _refuse_not_finite("positions", frame.positions, place)
        if own is not None:
            _refuse_not_finite(str(keys.forces), own, place)
        numbers.append(frame.numbers)
        positions.append(frame.positions)
        energies.append(energy)
        forces.append(own)
        rows.append(row)
        cells.append(cell)
        of_frame = stress.of(frame, cell, place)
        stresses.append(np.full((3, 3), np.nan) if of_frame is None else of_frame)
    return LabelledFrames(
        numbers,
        positions,
        np.array(energies),
        forces,
        np.reshape(cells, (-1, 3, 3)),
        np.reshape(stresses, (-1, 3, 3)),
        rows,
    )


def has_forces(frame: Frame, key: str | None) -> bool:
    """Whether a frame has forces of this name, or of any usual name if None."""
    return any(name in frame.vectors for name in (FORCES_KEYS if key is None else (key,)))


def found_keys(
    frames: Sequence[Frame],
    with_forces: Sequence[Frame],
    energy: str | None,
    forces: str | None,
    where: str,
) -> LabelKeys:
    """The names that are given, or the only usual ones in these frames.

    Args:
        frames: the first of each file.
        with_forces: the first with forces of each file that has any.
        energy: value of `data.energy_key`, or None.
        forces: value of `data.forces_key`, or None.
        where: the files, for messages.

    Raises:
        UserError: no frame has the given name, or none or several have usual names.
    """
    scalars = list(dict.fromkeys(name for frame in frames for name in frame.scalars))
    both = [*frames, *with_forces]
    vectors = list(dict.fromkeys(name for frame in both for name in frame.vectors))
    of_energy = _found(scalars, energy, ENERGY_KEYS, "energy_key", where)
    if forces is None and not vectors:
        return LabelKeys(of_energy, None)
    return LabelKeys(of_energy, _found(vectors, forces, FORCES_KEYS, "forces_key", where))


def _found(
    names: Sequence[str], given: str | None, usual: Sequence[str], option: str, where: str
) -> str:
    if given is not None:
        if given not in names:
            raise UserError(f"data.{option}={given} is not in {where}: {closest(given, names)}")
        return given
    found = [name for name in usual if name in names]
    if not found:
        raise UserError(
            f"{where} has none of the names {joined(usual)}. Set data.{option}. In the file: "
            f"{joined(names) or 'no other'}."
        )
    if len(found) > 1:
        raise UserError(f"{where} has {joined(found)}. Choose with data.{option}={found[0]}.")
    return found[0]


def _refuse_not_finite(name: str, value: float | np.ndarray, place: str) -> None:
    if not np.isfinite(value).all():
        raise UserError(f"{place} has NaN or Inf in '{name}'. Correct it, or remove the frame.")
