"""Reader of one extended XYZ file, which names every fault by file and frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from saibench.datamodules.force_field.ase_frames import refuse_other_molecules
from saibench.errors import UserError, closest, first_line
from saibench.formatting import joined

ENERGY_KEYS = (
    *("energy", "REF_energy", "ref_energy", "DFT_energy", "dft_energy"),
    *("TotEnergy", "total_energy", "potential_energy", "Energy"),
)
FORCES_KEYS = (
    *("forces", "REF_forces", "ref_forces", "DFT_forces", "dft_forces"),
    *("force", "Forces"),
)


@dataclass(frozen=True)
class LabelKeys:
    """Names of the total energy and of the forces in a file."""

    energy: str
    forces: str


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """The T frames of a file.

    Args:
        images: positions and species.
        energies: (T,) in the file's unit.
        forces: (T, A, 3) in the file's unit; NaN if the file has none.
    """

    images: list[Atoms]
    energies: np.ndarray
    forces: np.ndarray


def num_frames(path: Path) -> int:
    """Number of frames: each is a line with the number of atoms, a comment, and the atoms.

    Raises:
        UserError: the file is not in this layout, with the frame and the line.
    """
    frames, line = 0, 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for head in lines:
            line += 1
            if not head.strip():
                continue
            atoms = int(head) if head.strip().isdecimal() else 0
            if atoms < 1:
                raise UserError(
                    f"{path}, frame {frames}: line {line} is '{head.strip()[:40]}' instead of the "
                    "number of atoms. Use an extended XYZ file."
                )
            found = sum(1 for _ in zip(range(atoms + 1), lines, strict=False))
            if found < atoms + 1:
                raise UserError(
                    f"{path}, frame {frames} has {max(0, found - 1)} of its {atoms} atoms: the "
                    "file is truncated. Copy it again."
                )
            line, frames = line + found, frames + 1
    if not frames:
        raise UserError(f"{path} has no frame. Use a file with frames.")
    return frames


def first_frame(path: Path) -> Atoms:
    """The first frame. Raises UserError: it cannot be read."""
    return _read(path, "0")[0]


def read_frames(path: Path, keys: LabelKeys) -> LabelledFrames:
    """All frames of a file.

    Raises:
        UserError: a frame cannot be read, is periodic or another molecule, has no energy, or has no
            forces while others have some.
    """
    images = _read(path, ":")
    refuse_other_molecules(images, str(path))
    labels = [labels_of(atoms, keys) for atoms in images]
    with_forces = [forces is not None for _, forces in labels]
    for row, (energy, _) in enumerate(labels):
        if energy is None:
            raise UserError(
                f"{path}, frame {row} has no '{keys.energy}'. Add it, or remove the frame."
            )
        if with_forces[row] != with_forces[0]:
            lacking = row if with_forces[0] else 0
            raise UserError(
                f"{path}, frame {lacking} has no '{keys.forces}', but frame {row - lacking} has. "
                "Use a file for each kind of frames."
            )
    shape = (len(images[0]), 3)
    return LabelledFrames(
        images,
        energies=np.array([energy for energy, _ in labels]),
        forces=np.stack([np.full(shape, np.nan) if f is None else f for _, f in labels]),
    )


def labels_of(atoms: Atoms, keys: LabelKeys) -> tuple[float | None, np.ndarray | None]:
    """Energy and forces (A, 3) of a frame under these names; None for a missing one."""
    known = _labels(atoms)
    energy, forces = known.get(keys.energy), known.get(keys.forces)
    return (
        None if energy is None else float(energy),
        None if forces is None else np.asarray(forces, dtype=np.float64),
    )


def found_key(
    frames: Sequence[Atoms], given: str | None, usual: Sequence[str], option: str, where: str
) -> str:
    """The name that is given, or the only usual one in these frames.

    Args:
        frames: the first of each file.
        given: value of the option, or None.
        usual: names to look for.
        option: `energy_key` or `forces_key`.
        where: the files, for messages.

    Raises:
        UserError: no frame has the given name, or none or several have usual names.
    """
    names = list(dict.fromkeys(name for atoms in frames for name in _labels(atoms)))
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


def _labels(atoms: Atoms) -> dict[str, np.ndarray | float]:
    """Numbers of a frame and vectors of its atoms by name; ASE moves some into a calculator."""
    results = {} if atoms.calc is None else atoms.calc.results
    vectors = {
        name: values
        for name, values in {**atoms.arrays, **results}.items()
        if name != "positions" and np.shape(values) == (len(atoms), 3)
    }
    scalars = {
        name: value
        for name, value in {**atoms.info, **results}.items()
        if np.ndim(value) == 0 and isinstance(value, int | float | np.number)
    }
    return {**scalars, **vectors}


def _read(path: Path, rows: str) -> list[Atoms]:
    images: list[Atoms] = []
    try:
        images += ase.io.iread(path, rows, format="extxyz")
    except Exception as error:  # ASE's reader raises almost anything
        raise UserError(
            f"{path}, frame {len(images)} cannot be read as extended XYZ ({first_line(error)})."
        ) from error
    if not images:
        raise UserError(f"{path} has no frame. Use a file with frames.")
    return images
