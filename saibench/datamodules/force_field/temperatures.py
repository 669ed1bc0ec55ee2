"""The built-in simulator at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
from ase.calculators.calculator import Calculator
from pydantic import Field as Limits

from saibench.datamodules.force_field.molecules import initial_geometry
from saibench.datamodules.force_field.simulator import TEMPERATURE, GFN2Simulation
from saibench.datamodules.force_field.trajectory import (
    Trajectory,
    cached_trajectory,
    trajectory_index,
)
from saibench.evidence.schema import Field
from saibench.options import Count, NotNegative, Positive, Seed, check_fields, refuse
from saibench.units import PS_PER_FS

Temperatures = Annotated[tuple[Positive, ...], Limits(min_length=1)]


@dataclass(frozen=True)
class SimulatedTemperatures:
    """One `GFN2Simulation` at each temperature, one after another in the index.

    The temperature is a column of the index, so that partitions can select it:
    `{_target_: saibench.datamodules.samplers.Where, by: temperature, equals: 500}`. The times of a
    trajectory continue those of the one before it.

    temperatures: K, in the order of the trajectories
    frames: number of saved frames of each trajectory
    seed: of the first trajectory; the next have the following seeds

    Other options are those of `GFN2Simulation`.

    Raises UserError: an unknown molecule, a number out of range, a repeated temperature.
    """

    molecule: str = "ethanol"
    temperatures: Temperatures = (500.0, 1000.0)
    timestep: Positive = 0.5
    frames: Count = 2000
    stride: Count = 8
    friction: Positive = 2.0
    equilibration: NotNegative = 0.5
    seed: Annotated[Seed, Limits(lt=2**31)] = 0

    def __post_init__(self) -> None:
        initial_geometry(self.molecule)
        check_fields(self, "data")
        if len(set(self.temperatures)) < len(self.temperatures):
            refuse("data.temperatures", self.temperatures, "repeats a value. Use each once")

    @property
    def name(self) -> str:
        return self.molecule

    @property
    def index_fields(self) -> Sequence[Field]:
        return [TEMPERATURE]

    def describe(self) -> str:
        at = " and ".join(f"{temperature:g}" for temperature in self.temperatures)
        return (
            f"{self.frames:,} frames of {self.molecule} at each of {at} K, "
            f"{self.stride * self.timestep:g} fs apart, from Langevin dynamics with energies and "
            f"forces of GFN2-xTB (seed {self.seed})."
        )

    def preview(self) -> pl.DataFrame:
        """The index, which is known before the simulation."""
        count = len(self.temperatures)
        single = self._simulations[0].preview()
        step = self.stride * self.timestep * PS_PER_FS
        offsets = np.repeat(np.arange(count) * self.frames * step, self.frames)
        return trajectory_index(
            np.arange(count * self.frames, dtype=np.int64),
            np.tile(single["time"].to_numpy(), count) + offsets,
            {TEMPERATURE.name: np.repeat(np.array(self.temperatures), self.frames)},
        )

    def preview_symbols(self) -> list[str]:
        return self._simulations[0].preview_symbols()

    def calculator(self) -> Calculator:
        """A single-threaded ASE calculator of the simulations' energies and forces."""
        return self._simulations[0].calculator()

    def recipe(self) -> dict[str, Any]:
        versions = self._simulations[0].recipe()["versions"]
        return {"source": "gfn2_xtb_temperatures", **asdict(self), "versions": versions}

    def load(self, cache: Path) -> Trajectory:
        return cached_trajectory(self, cache, lambda: self._frames(cache))

    @cached_property
    def _simulations(self) -> list[GFN2Simulation]:
        settings = {name: value for name, value in asdict(self).items() if name != "temperatures"}
        first = GFN2Simulation(**settings)
        return [
            replace(first, temperature=temperature, seed=self.seed + number)
            for number, temperature in enumerate(self.temperatures)
        ]

    def _frames(self, cache: Path) -> dict[str, np.ndarray]:
        parts = [simulation.load(cache) for simulation in self._simulations]
        index = self.preview()
        return {
            "atomic_numbers": np.array(parts[0].atomic_numbers),
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in ("positions", "energies", "forces")
            },
            **{name: index[name].to_numpy() for name in index.columns},
        }
