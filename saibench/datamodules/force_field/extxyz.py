"""Frames of one molecule in extended XYZ files, as ASE reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from ase import Atoms
from pydantic import Field

from saibench.datamodules.files import SET_ROOT, data_roots, file_sha256, find_file
from saibench.datamodules.force_field.energy_units import ENERGY_UNITS
from saibench.datamodules.force_field.extxyz_file import (
    ENERGY_KEYS,
    FORCES_KEYS,
    LabelKeys,
    first_frame,
    found_key,
    labels_of,
    num_frames,
    read_frames,
)
from saibench.datamodules.force_field.npz import EnergyUnit
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    cached_trajectory,
    centred,
    trajectory_index,
)
from saibench.errors import UserError
from saibench.evidence.independence import SAMPLE, TIME, Independence
from saibench.evidence.schema import BEFORE
from saibench.evidence.schema import Field as Column
from saibench.formatting import joined
from saibench.options import Name, Positive, check_fields
from saibench.units import PS_PER_FS

FILE = Column("file", "string", "", "frame", "feature", "file of the frame", BEFORE)


@dataclass(frozen=True)
class ExtxyzFrames:
    """Frames of one isolated molecule from extended XYZ files, in the order of the files.

    The index has a column `file`, the name of a frame's file without its ending, by which samplers
    choose (`Where by: file equals: train_300K`). Files without forces are tested on energies alone.

    files: paths, or names below `root`
    root: folder of the files or of their subfolder `extxyz/`; by default `SAIBENCH_DATA_DIR`, then
        `extxyz` in the cache
    molecule: name in titles and folders; by default the chemical formula
    energy_key: name of the total energy; by default the only usual one in the files
    forces_key: name of the forces; by default the only usual one in the files
    energy_unit: unit of energies, and per Å of forces, in the files
    timestep: fs between two frames of a file; null if unknown: the index counts frames instead
    independent: whether frames are independent of each other; if not, those that follow each other
        are taken to be correlated

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
        return [FILE]

    @property
    def time_unit(self) -> str:
        """Unit of the index's column `time`; empty if it counts frames."""
        return "" if self.timestep is None else "ps"

    @property
    def name(self) -> str:
        return self.molecule or self._first[0].get_chemical_formula()

    @property
    def independence(self) -> Independence:
        return Independence(SAMPLE) if self.independent else Independence(TIME, "time")

    def describe(self) -> str:
        keys = self._keys
        without = [
            name
            for name, atoms in zip(self.file_names, self._first, strict=True)
            if labels_of(atoms, keys)[1] is None
        ]
        none = f" (none in {joined(without)})" if without else ""
        apart = "" if self.timestep is None else f", {self.timestep:g} fs apart"
        return (
            f"{sum(self._counts):,} frames of {self.name}{apart}, from {joined(self.file_names)}: "
            f"energies '{keys.energy}', forces '{keys.forces}'{none}."
        )

    def preview(self) -> pl.DataFrame:
        """The index; frames are counted, not read."""
        counts = self._counts
        columns = {FILE.name: np.repeat(self.file_names, counts)}
        return trajectory_index(np.arange(sum(counts)), self._times(counts), columns)

    def preview_symbols(self) -> list[str]:
        """Chemical symbols of the atoms."""
        return self._first[0].get_chemical_symbols()

    def recipe(self) -> dict[str, Any]:
        return {
            "source": "extxyz",
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

    def load(self, cache: Path) -> Trajectory:
        return cached_trajectory(self, cache, self._arrays)

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
    def _counts(self) -> tuple[int, ...]:
        return tuple(num_frames(path) for path in self.paths)

    @cached_property
    def _first(self) -> tuple[Atoms, ...]:
        """The first frame of each file."""
        return tuple(first_frame(path) for path in self.paths)

    @cached_property
    def _keys(self) -> LabelKeys:
        """Names of energy and forces, the given or the only usual ones."""
        where = joined([str(path) for path in self.paths])
        return LabelKeys(
            found_key(self._first, self.energy_key, ENERGY_KEYS, "energy_key", where),
            found_key(self._first, self.forces_key, FORCES_KEYS, "forces_key", where),
        )

    def _times(self, counts: Sequence[int]) -> np.ndarray:
        frames = np.arange(sum(counts), dtype=np.float64)
        return frames if self.timestep is None else frames * self.timestep * PS_PER_FS

    def _arrays(self) -> dict[str, np.ndarray]:
        images, energies, forces, counts = [], [], [], []
        for path in self.paths:
            own = read_frames(path, self._keys)
            images += own.images
            energies.append(own.energies)
            forces.append(own.forces)
            counts.append(len(own.images))
            if not np.array_equal(own.images[0].numbers, images[0].numbers):
                raise UserError(
                    f"{path} is {own.images[0].get_chemical_formula()} in another order of atoms, "
                    f"or another molecule than {images[0].get_chemical_formula()} of "
                    f"{self.paths[0]}. Use one molecule, in one order of atoms."
                )
        to_ev = ENERGY_UNITS[self.energy_unit]
        known = np.array([bool(np.isfinite(own).all()) for own in forces])
        return {
            "atomic_numbers": images[0].numbers.astype(np.int64),
            "positions": centred(np.stack([atoms.positions for atoms in images])),
            "energies": np.concatenate(energies) * to_ev,
            "forces": np.concatenate(forces) * to_ev,
            "has_forces": np.repeat(known, counts),
            FILE.name: np.repeat(self.file_names, counts),
            "sample_id": np.arange(len(images)),
            "time": self._times(counts),
        }
