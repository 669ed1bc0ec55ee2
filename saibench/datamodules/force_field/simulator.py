"""The built-in simulator of a molecular trajectory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from ase.calculators.calculator import Calculator
from pydantic import Field as Limits

from saibench.datamodules.force_field.molecules import initial_geometry
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    cached_trajectory,
    centred,
    trajectory_index,
)
from saibench.evidence.schema import BEFORE, Field
from saibench.options import Count, NotNegative, Positive, Seed, check_fields
from saibench.units import PS_PER_FS

TEMPERATURE = Field(
    *("temperature", "float64", "K", "frame", "feature", "temperature of the thermostat", BEFORE)
)


@dataclass(frozen=True)
class GFN2Simulation:
    """Langevin dynamics of one molecule with GFN2-xTB, sampled like MD17 (500 K, 0.5 fs).

    At a constant temperature, or heated (cooled) linearly in time from the first to the last saved
    frame. The temperature of a heated frame is a column of the index.

    molecule: a common name (ethanol, malonaldehyde, butane, …) or one of the G2 test set
    temperature: K, or two: of the first and the last saved frame
    timestep: fs
    frames: number of saved frames
    stride: steps between saved frames
    friction: friction of the thermostat, 1/ps
    equilibration: ps before the first saved frame
    seed: of the initial velocities and the thermostat; a trajectory is bitwise reproducible on one
        machine (with another libm the chaotic motion may differ)

    Raises UserError: an unknown molecule, a number out of range.
    """

    molecule: str = "ethanol"
    temperature: Positive | tuple[Positive, Positive] = 500.0
    timestep: Positive = 0.5
    frames: Count = 4000
    stride: Count = 4
    friction: Positive = 2.0
    equilibration: NotNegative = 0.5
    seed: Annotated[Seed, Limits(lt=2**32)] = 1  # the range of RandomState

    def __post_init__(self) -> None:
        initial_geometry(self.molecule)
        check_fields(self, "data")

    @property
    def name(self) -> str:
        return self.molecule

    def describe(self) -> str:
        return (
            f"{self.frames:,} frames of {self.molecule}, {self.stride * self.timestep:g} fs apart, "
            f"from Langevin dynamics {self._at()} with energies and forces of GFN2-xTB "
            f"(seed {self.seed})."
        )

    def _at(self) -> str:
        first, last = self.temperatures
        return f"at {first:g} K" if first == last else f"from {first:g} to {last:g} K"

    @property
    def temperatures(self) -> tuple[float, float]:
        """Temperature of the first and the last frame in K."""
        given = self.temperature
        return given if isinstance(given, tuple) else (given, given)

    @property
    def index_fields(self) -> list[Field]:
        """The temperature, unless it is constant."""
        first, last = self.temperatures
        return [] if first == last else [TEMPERATURE]

    def preview(self) -> pl.DataFrame:
        """The index, which is known before the simulation."""
        frame = np.arange(self.frames, dtype=np.int64)
        time = frame * self.stride * self.timestep * PS_PER_FS
        temperatures = np.linspace(*self.temperatures, self.frames)
        heated = {TEMPERATURE.name: temperatures} if self.index_fields else None
        return trajectory_index(frame, time, heated)

    def preview_symbols(self) -> list[str]:
        return initial_geometry(self.molecule).get_chemical_symbols()

    def calculator(self) -> Calculator:
        """A single-threaded ASE calculator of the simulation's energies and forces."""
        from saibench.datamodules.force_field.langevin import GFN2

        return GFN2()

    def recipe(self) -> dict[str, Any]:
        versions = {package: version(package) for package in ("tblite", "ase")}
        return {"source": "gfn2_xtb", **asdict(self), "versions": versions}

    def load(self, cache: Path) -> Trajectory:
        return cached_trajectory(self, cache, self._frames)

    def _frames(self) -> dict[str, np.ndarray]:
        # imported here, since tblite takes a second
        from saibench.datamodules.force_field.langevin import Thermostat, simulate

        atoms = initial_geometry(self.molecule)
        record = simulate(
            atoms,
            Thermostat(self.temperatures[0], self.friction, self.timestep),
            equilibration=round(self.equilibration / (self.timestep * PS_PER_FS)),
            temperatures=np.linspace(*self.temperatures, self.frames),
            stride=self.stride,
            seed=self.seed,
        )
        index = self.preview()
        return {
            "atomic_numbers": atoms.numbers.astype(np.int64),
            "positions": centred(record["positions"]),
            "energies": record["energies"],
            "forces": record["forces"],
            **{name: index[name].to_numpy() for name in index.columns},
        }
