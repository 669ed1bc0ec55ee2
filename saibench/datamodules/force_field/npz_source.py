"""Data sets that are published as one .npz file per molecule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from saibench.datamodules.files import file_sha256
from saibench.datamodules.force_field.npz import EnergyUnit, Keys, NpzTrajectory, in_order
from saibench.datamodules.force_field.published import MOLECULES
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    cached_trajectory,
    trajectory_index,
)
from saibench.errors import UserError, closest
from saibench.units import PS_PER_FS

TIMESTEP = 0.5
"""fs between two frames of the original MD17 trajectory."""


@dataclass(frozen=True)
class NpzSource(ABC):
    """Frames of one molecule of MD17 or rMD17, ordered by `sample_id`, their row in MD17.

    A subclass defines the name of its data set, the keys of its files, and the level of theory.
    """

    molecule: str = "aspirin"
    root: str | None = None
    energy_unit: EnergyUnit = "kcal/mol"

    data_set: ClassVar[str]
    keys: ClassVar[Keys]
    level: ClassVar[str]

    def __post_init__(self) -> None:
        if self.molecule not in MOLECULES:
            raise UserError(
                f"data.molecule={self.molecule} is not in {self.data_set}; "
                f"{closest(self.molecule, MOLECULES)}"
            )

    @abstractmethod
    def path(self) -> Path:
        """The file. Raises UserError: it was not found, with how to get it."""

    @abstractmethod
    def sample_ids(self, file: NpzTrajectory) -> np.ndarray:
        """(T,) int64, the row in MD17 of each frame of the file."""

    @abstractmethod
    def published_frames(self) -> Collection[int]:
        """Numbers of frames of the published files."""

    @property
    def name(self) -> str:
        return self.molecule

    def describe(self) -> str:
        """The published file by its method; another one by its layout."""
        frames = self.preview().height
        frames_of = f"{frames:,} frames of {self.molecule}"
        if frames not in self.published_frames():
            return f"{frames_of} in the layout of {self.data_set}."
        return (
            f"{frames_of} from {self.data_set}, a molecular dynamics trajectory at 500 K with "
            f"energies and forces at {self.level}."
        )

    def preview(self) -> pl.DataFrame:
        """The index; positions and forces are not read."""
        return _index(np.sort(self.sample_ids(NpzTrajectory(self.path()))))

    def preview_symbols(self) -> list[str]:
        """Chemical symbols of the atoms. Raises UserError: the file lacks a key."""
        file = NpzTrajectory(self.path())
        file.check(self.keys)
        return file.symbols(self.keys.atomic_numbers)

    def recipe(self) -> dict[str, Any]:
        return {
            "source": self.data_set.lower(),
            "molecule": self.molecule,
            "sha256": file_sha256(self.path()),
            "energy_unit": self.energy_unit,
        }

    def load(self, cache: Path) -> Trajectory:
        return cached_trajectory(self, cache, self._frames)

    def _frames(self) -> dict[str, np.ndarray]:
        file = NpzTrajectory(self.path())
        frames, ids = file.frames(self.keys, self.energy_unit), self.sample_ids(file)
        if len(ids) != len(frames["energies"]):
            raise UserError(
                f"{file.path} has {len(frames['energies'])} energies, but {len(ids)} ids under "
                "'old_indices'. Use one of each per frame."
            )
        return in_order(frames, _index(ids))


def _index(ids: np.ndarray) -> pl.DataFrame:
    return trajectory_index(ids, ids * TIMESTEP * PS_PER_FS)
