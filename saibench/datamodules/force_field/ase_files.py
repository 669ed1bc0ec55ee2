"""Frames of molecules and of periodic cells, in files of any format that ASE reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from ase.data import chemical_symbols
from pydantic import Field
from tqdm import tqdm

from saibench.datamodules.files import SET_ROOT, data_roots, file_sha256, find_file
from saibench.datamodules.force_field.ase_file import (
    ScannedFile,
    frames_of_file,
    is_plain_extxyz,
)
from saibench.datamodules.force_field.energy_units import ENERGY_UNITS
from saibench.datamodules.force_field.frames import Frame, refuse_other_molecule
from saibench.datamodules.force_field.labels import (
    SEVERAL_MOLECULES,
    LabelKeys,
    LabelledFrames,
    MissingForces,
    found_keys,
    labelled_frames,
)
from saibench.datamodules.force_field.npz import EnergyUnit
from saibench.datamodules.force_field.stress import StressLabels, StressUnit
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    cached_trajectory,
    centred,
    formula,
    padded,
    trajectory_index,
)
from saibench.errors import UserError, closest
from saibench.evidence.independence import SAMPLE, TIME, Independence
from saibench.evidence.schema import BEFORE
from saibench.evidence.schema import Field as Column
from saibench.formatting import joined
from saibench.options import Name, Positive, check_fields
from saibench.units import PS_PER_FS

FILE = Column("file", "string", "", "frame", "feature", "file of the frame", BEFORE)
FORMULA = Column("formula", "string", "", "frame", "feature", "chemical formula", BEFORE)
NUM_ATOMS = Column("num_atoms", "int64", "", "frame", "feature", "number of atoms", BEFORE)
READER = 3
"""Version of the frames that are read; 1 dropped forces that the first frame lacks, and 2 crystals
of one atom per cell."""


@dataclass(frozen=True)
class AseFrames:
    """Frames from files that ASE reads, in the order of the files.

    The index has a column `file`, the name of a frame's file without its ending, by which samplers
    choose (`Where by: file equals: train_300K`). Files without forces are tested on energies alone.
    Isolated atoms, from which others compute atomization energies, are left out. Frames may be
    periodic; where all directions are, their stress is read if the file has it.

    files: paths, or names below `root`
    root: folder of the files or of their subfolder `extxyz/`; by default `SAIBENCH_DATA_DIR`, then
        `extxyz` in the cache
    molecule: name in titles and folders; by default the chemical formula, or the name of the first
        file if there may be several molecules
    energy_key: name of the total energy; by default the only usual one in the files
    forces_key: name of the forces; by default the only usual one in the files
    energy_unit: unit of energies, and per Å of forces, in the files
    timestep: fs between two frames of a file; null if unknown: the index counts frames instead
    independent: whether frames are independent of each other; if not, those that follow each other
        are taken to be correlated
    one_molecule: refuse frames of another molecule or order of atoms than the first; else the index
        has columns `formula` and `num_atoms`
    missing_forces: `refuse` a frame without forces in a file with forces, or `mask` it: it is
        scored by its energy alone
    stress_key: name of the stress or virial; by default the only usual one of a frame
    stress_unit: unit of the stress in the files; by default that of energies, per Å³

    Raises UserError: two files of one name; later, a missing or faulty file, with the frame.
    """

    files: Annotated[tuple[Name, ...], Field(min_length=1)]
    root: str | None = None
    molecule: str | None = None
    energy_key: str | None = None
    forces_key: str | None = None
    energy_unit: EnergyUnit = "eV"
    timestep: Positive | None = None
    independent: bool = False
    one_molecule: bool = True
    missing_forces: MissingForces = "refuse"
    stress_key: str | None = None
    stress_unit: StressUnit | None = None

    def __post_init__(self) -> None:
        check_fields(self, "data")
        repeated = [name for name in self.file_names if self.file_names.count(name) > 1]
        if repeated:
            raise UserError(
                f"data.files has two files with the name {repeated[0]}, by which their frames are "
                "told apart. Rename one."
            )

    @property
    def file_names(self) -> tuple[str, ...]:
        """Values of the index's column `file`."""
        return tuple(Path(file).stem for file in self.files)

    @property
    def index_fields(self) -> list[Column]:
        return [FILE] if self.one_molecule else [FILE, FORMULA, NUM_ATOMS]

    @property
    def time_unit(self) -> str:
        """Unit of the index's column `time`; empty if it counts frames."""
        return "" if self.timestep is None else "ps"

    @property
    def name(self) -> str:
        if self.molecule is not None:
            return self.molecule
        if self.one_molecule:
            return formula(self._first_molecule.numbers)
        return self.file_names[0]

    @property
    def independence(self) -> Independence:
        return Independence(SAMPLE) if self.independent else Independence(TIME, "time")

    def describe(self) -> str:
        keys = self._keys
        without = [
            name
            for name, file in zip(self.file_names, self._scanned, strict=True)
            if file.first is not None
            and (
                file.first_with_forces is None or keys.forces not in file.first_with_forces.vectors
            )
        ]
        none = f" (none in {joined(without)})" if without and keys.forces else ""
        forces = f"forces '{keys.forces}'" if keys.forces else "no forces"
        apart = "" if self.timestep is None else f", {self.timestep:g} fs apart"
        of = f" of {self.name}" if self.one_molecule or self.molecule else ""
        return (
            f"{sum(self._counts):,} frames{of}{apart}, from {joined(self.file_names)}: "
            f"energies '{keys.energy}', {forces}{none}{self._stress_words}{self._left_out}."
        )

    @property
    def _stress_words(self) -> str:
        """Where the first frame of a file is periodic, the name of its stress."""
        periodic = [one.first for one in self._scanned if one.first and all(one.first.pbc)]
        if not periodic:
            return ""
        found = {self._stress.name(frame, self._where) for frame in periodic}
        names = [f"'{name}'" for name in sorted(one for one in found if one)]
        return f", stress {joined(names)}" if names else ", no stress"

    @property
    def _left_out(self) -> str:
        atoms = sum(sum(file.is_isolated) for file in self._scanned)
        return f"; {atoms:,} isolated atoms left out" if atoms else ""

    def preview(self) -> pl.DataFrame | None:
        """The index, without `formula` and `num_atoms`; None if counting frames reads them."""
        if not all(map(is_plain_extxyz, self.paths)):
            return None
        counts = self._counts
        columns = {FILE.name: np.repeat(self.file_names, counts)}
        return trajectory_index(np.arange(sum(counts)), self._times(counts), columns)

    def preview_symbols(self) -> list[str] | None:
        """Chemical symbols of the atoms; None if there may be several molecules, or for cells."""
        if not self.one_molecule or any(self._first_molecule.pbc):
            return None
        return [chemical_symbols[number] for number in self._first_molecule.numbers]

    def recipe(self) -> dict[str, Any]:
        recipe = {
            "source": "extxyz",  # the first format that it read; part of the hash of runs
            "molecule": self.name,
            "files": {
                name: file_sha256(path)
                for name, path in zip(self.file_names, self.paths, strict=True)
            },
            "energy_key": self._keys.energy,
            "forces_key": self._keys.forces,
            "energy_unit": self.energy_unit,
            "timestep": self.timestep,
        }
        # options that were added later are part of the hash only if they are used
        if not self.one_molecule:
            recipe["one_molecule"] = False
        if self.missing_forces != "refuse":
            recipe["missing_forces"] = self.missing_forces
        for name in ("stress_key", "stress_unit"):
            if getattr(self, name) is not None:
                recipe[name] = getattr(self, name)
        return recipe

    def load(self, cache: Path) -> Trajectory:
        return cached_trajectory(self, cache, self._arrays, READER)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The files. Raises UserError: one was not found."""
        return tuple(self._path(file) for file in self.files)

    def _path(self, file: str) -> Path:
        path = Path(file).expanduser()
        if path.is_absolute() or (self.root is None and path.is_file()):
            roots: Sequence[Path] = [Path()]
        else:
            roots = data_roots(self.root, "extxyz")
        how = f"Use data.files with paths, or {SET_ROOT}"
        return find_file([str(path)], roots, ["extxyz"], how)

    @cached_property
    def _scanned(self) -> tuple[ScannedFile, ...]:
        return tuple(ScannedFile(path, self.forces_key) for path in self.paths)

    @property
    def _counts(self) -> tuple[int, ...]:
        """Number of frames of each file, without isolated atoms."""
        return tuple(file.count for file in self._scanned)

    @property
    def _first_molecule(self) -> Frame:
        """Raises UserError: there is none."""
        for file in self._scanned:
            if file.first is not None:
                return file.first
        raise UserError(f"{self._where} has isolated atoms alone. Use molecules or crystals.")

    @property
    def _where(self) -> str:
        return joined([str(path) for path in self.paths])

    @cached_property
    def _keys(self) -> LabelKeys:
        """Names of energy and forces, the given or the only usual ones."""
        found = [file.first for file in self._scanned]
        frames = [frame for frame in found if frame is not None] or [self._first_molecule]
        found = [file.first_with_forces for file in self._scanned]
        with_forces = [frame for frame in found if frame is not None]
        return found_keys(frames, with_forces, self.energy_key, self.forces_key, self._where)

    @property
    def _stress(self) -> StressLabels:
        return StressLabels(self.stress_key, self.stress_unit, ENERGY_UNITS[self.energy_unit])

    def _times(self, counts: Sequence[int]) -> np.ndarray:
        frames = np.arange(sum(counts), dtype=np.float64)
        return frames if self.timestep is None else frames * self.timestep * PS_PER_FS

    def _arrays(self) -> dict[str, np.ndarray]:
        read = [self._labelled(path) for path in self.paths]
        counts = [len(own.energies) for own in read]
        numbers = [one for own in read for one in own.numbers]
        if self.one_molecule:
            self._refuse_other_molecules(read)
        to_ev = ENERGY_UNITS[self.energy_unit]
        forces = [one for own in read for one in own.forces]
        cells = np.concatenate([own.cells for own in read])
        stress = np.concatenate([own.stress for own in read])
        is_one = all(np.array_equal(one, numbers[0]) for one in numbers)
        arrays = {
            "atomic_numbers": numbers[0] if is_one else padded(numbers),
            "positions": padded(_centred([one for own in read for one in own.positions], cells)),
            "energies": np.concatenate([own.energies for own in read]) * to_ev,
            "forces": to_ev
            * padded(
                [
                    np.full((len(of), 3), np.nan) if one is None else one
                    for of, one in zip(numbers, forces, strict=True)
                ]
            ),
            "has_forces": np.array([one is not None for one in forces]),
            FILE.name: np.repeat(self.file_names, counts),
            "sample_id": np.arange(sum(counts)),
            "time": self._times(counts),
        }
        if not self.one_molecule:
            arrays[FORMULA.name] = np.array([formula(one) for one in numbers])
            arrays[NUM_ATOMS.name] = np.array([len(one) for one in numbers])
        if cells.any():
            arrays["cells"] = cells
        if np.isfinite(stress).any():
            arrays["stress"] = stress
        elif self.stress_key is not None:
            self._refuse_stress_key()
        return arrays

    def _refuse_stress_key(self) -> None:
        names = sorted({name for own in self._scanned if own.first for name in own.first.tensors})
        raise UserError(
            f"+data.stress_key={self.stress_key} is in no periodic frame of {self._where}: "
            f"{closest(self.stress_key or '', names) if names else 'its frames have no tensor.'}"
        )

    def _labelled(self, path: Path) -> LabelledFrames:
        with tqdm(frames_of_file(path), f"reading {path.name}", unit="frame", mininterval=1) as bar:
            return labelled_frames(
                bar,
                self._keys,
                str(path),
                one_molecule=self.one_molecule,
                missing_forces=self.missing_forces,
                stress=self._stress,
            )

    def _refuse_other_molecules(self, read: Sequence[LabelledFrames]) -> None:
        """Raise UserError if a file has another molecule than the first."""
        first = self._first_molecule.numbers
        for path, own in zip(self.paths, read, strict=True):
            if own.numbers:
                refuse_other_molecule(
                    own.numbers[0], first, str(path), "the first file", SEVERAL_MOLECULES
                )


def _centred(positions: Sequence[np.ndarray], cells: np.ndarray) -> list[np.ndarray]:
    """Positions of each frame, those of molecules around their centroid."""
    return [one if cell.any() else centred(one) for one, cell in zip(positions, cells, strict=True)]
