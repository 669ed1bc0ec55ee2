"""Matrices in the settings of the Common Task Framework (Wyder et al. 2025, arXiv:2510.23166).

Its own matrices hold 10,000 training rows (100 where data are scarce) and 1,000 rows of forecast,
of the Kuramoto–Sivashinsky equation on 1,024 points of [0, 32π] each 0.025, and of the Lorenz
system each 0.05 (`PDE_KS.yaml` and `ODE_Lorenz.yaml` of ctf4science). The levels of its noise and
the values of its parameters are not in these files; those here are chosen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.field_dynamics.fields import FieldLayout, GridPoints, Trajectories
from saibench.datamodules.field_dynamics.frames import solver_steps
from saibench.datamodules.field_dynamics.kuramoto_sivashinsky import (
    LARGEST_LYAPUNOV_EXPONENT,
    initial_waves,
    solve_ks,
)
from saibench.datamodules.field_dynamics.lorenz import (
    LARGEST_LYAPUNOV_EXPONENT as LORENZ_EXPONENT,
)
from saibench.datamodules.field_dynamics.lorenz import solve_lorenz
from saibench.errors import UserError
from saibench.options import Count, Degree, Fraction, NotNegative, Positive, check_fields

MATRICES = (
    "X1", "X2 (medium noise)", "X3 (high noise)", "X4 (few rows)", "X5 (few rows, noise)",
    "X6", "X7", "X8", "X9 (interpolation)", "X10 (extrapolation)",
)  # fmt: skip
"""Trajectories, in the order of their number."""
FEW = (3, 4)
"""Trajectories with few training rows."""


@dataclass(frozen=True)
class CommonTask(ABC):
    """Ten trajectories, measured with and without noise, in the roles of `MATRICES`.

    X1 to X5 have the usual `parameter`; X6, X7 and X8 have it lowered by the fraction `spread`, as
    it is, and raised; X9 lies halfway between the last two, X10 as far again above them.

    Args:
        rows: training rows of a matrix.
        few: training rows of X4 and X5.
        forecast: rows of a forecast.
        medium_noise, high_noise: standard deviation of the noise on X2 and X5, and on X3, relative
            to that of each channel.
        parameter: of the equation.
        spread: relative distance of the parameters of X6 and X8.
        time_step: between two rows.
        solver_step: time step of the solver.
        transient: time before the first row.
        seed: of the initial conditions and the noise.

    Raises:
        UserError: a number out of range, or more few rows than rows.
    """

    channels: ClassVar[tuple[str, ...]]
    parameter_name: ClassVar[str]

    rows: Count = 10_000
    few: Count = 100
    forecast: Count = 1000
    medium_noise: NotNegative = 0.1
    high_noise: NotNegative = 0.5
    parameter: Positive = 1.0
    spread: Fraction = 0.1
    time_step: Positive = 0.025
    solver_step: Positive = 0.025
    transient: NotNegative = 100.0
    seed: Degree = 0

    def __post_init__(self) -> None:
        check_fields(self, "data")
        solver_steps(self.time_step, self.solver_step)
        if self.few > self.rows:
            raise UserError(
                f"data.few={self.few} exceeds data.rows={self.rows}. Use data.few={self.rows} or "
                "less."
            )

    @property
    @abstractmethod
    def name(self) -> str:
        """One word, valid in a file name."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """`(*grid,)` of a frame."""

    @property
    @abstractmethod
    def lengths(self) -> tuple[float, ...]:
        """Side of the domain along each axis of the grid."""

    @property
    @abstractmethod
    def lyapunov_time(self) -> np.ndarray:
        """`(10,)`."""

    @abstractmethod
    def solve(self, saved: np.ndarray) -> None:
        """Fill `saved (10, T, C, *grid)` with the true frames."""

    @property
    def frames(self) -> int:
        """T."""
        return self.rows + self.forecast

    @property
    def parameters(self) -> np.ndarray:
        """`(10,)` parameter of each trajectory."""
        steps = np.array([0, 0, 0, 0, 0, -1, 0, 1, 0.5, 2])
        return self.parameter * (1 + self.spread * steps)

    @property
    def training_rows(self) -> np.ndarray:
        """`(10,)` rows of each trajectory that are measured before a forecast."""
        found = np.full(len(MATRICES), self.rows)
        found[list(FEW)] = self.few
        return found

    @property
    def noise(self) -> np.ndarray:
        """`(10,)` relative standard deviation of the noise."""
        medium, high = self.medium_noise, self.high_noise
        return np.array([0, medium, high, 0, medium, 0, 0, 0, 0, 0])

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({self.parameter_name: self.parameters})

    def recipe(self) -> dict[str, Any]:
        return {"source": self.name, "version": 1, **asdict(self)}

    def layout(self) -> FieldLayout:
        return FieldLayout(
            self.channels,
            self.shape,
            self.lengths,
            self.time_step,
            len(MATRICES),
            self.frames,
            (self.parameter_name,),
            has_lyapunov_time=True,
        )

    def load(self, cache: Path) -> Trajectories:
        kept = cached_arrays(cache, self.name, self.recipe(), self._build)
        return Trajectories(
            values=kept["measured"],
            channels=self.channels,
            time_step=self.time_step,
            lengths=self.lengths,
            data_hash=kept.data_hash,
            parameters={self.parameter_name: self.parameters},
            lyapunov_time=self.lyapunov_time,
            truth=kept["true"],
        )

    def _build(self, folder: Path) -> Mapping[str, np.ndarray]:
        whole = (len(MATRICES), self.frames, len(self.channels), *self.shape)
        true = new_array(folder, "true", whole, np.float32)
        self.solve(true)
        measured = new_array(folder, "measured", whole, np.float32)
        axes = (0, *range(2, len(whole) - 1))
        for number, level in enumerate(self.noise):
            rng = np.random.Generator(np.random.PCG64([self.seed, 4, number]))
            spread = true[number].std(axis=axes, keepdims=True, dtype=np.float64)
            noise = rng.standard_normal(whole[1:], np.float32) if level else 0.0
            measured[number] = true[number] + level * spread * noise
        return {"true": true, "measured": measured}


@dataclass(frozen=True)
class KuramotoSivashinskyTask(CommonTask):
    """Of the Kuramoto–Sivashinsky equation (see `KuramotoSivashinsky`); its parameter is μ.

    Args:
        points: of the grid; 1,024 in the framework.
        length: of the domain.
    """

    title: ClassVar[str] = "common task on the Kuramoto–Sivashinsky equation"
    channels: ClassVar[tuple[str, ...]] = ("u",)
    parameter_name: ClassVar[str] = "mu"

    points: GridPoints = 1024
    length: Positive = 100.53096491487338

    @property
    def name(self) -> str:
        return "common_task_ks"

    def describe(self) -> str:
        return (
            f"Ten solutions of the Kuramoto–Sivashinsky equation, {self.frames:,} frames "
            f"{self.time_step:g} apart on {self.points} points (seed {self.seed})."
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.points,)

    @property
    def lengths(self) -> tuple[float, ...]:
        return (self.length,)

    @property
    def lyapunov_time(self) -> np.ndarray:
        return self.parameters / LARGEST_LYAPUNOV_EXPONENT

    def solve(self, saved: np.ndarray) -> None:
        initial = initial_waves(np.ones(len(MATRICES)), self.points, self.seed)
        times = self.time_step, self.solver_step, self.transient
        solve_ks(saved, initial, self.length, self.parameters, *times)


@dataclass(frozen=True)
class LorenzTask(CommonTask):
    """Of the Lorenz system (see `Lorenz63`); its parameter is ρ."""

    title: ClassVar[str] = "common task on the Lorenz system"
    channels: ClassVar[tuple[str, ...]] = ("x", "y", "z")
    parameter_name: ClassVar[str] = "rho"

    @property
    def name(self) -> str:
        return "common_task_lorenz"

    def describe(self) -> str:
        return (
            f"Ten solutions of the Lorenz system, {self.frames:,} frames {self.time_step:g} apart "
            f"(seed {self.seed})."
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    @property
    def lengths(self) -> tuple[float, ...]:
        return ()

    @property
    def lyapunov_time(self) -> np.ndarray:
        return np.full(len(MATRICES), 1 / LORENZ_EXPONENT)

    def solve(self, saved: np.ndarray) -> None:
        times = self.time_step, self.solver_step, self.transient
        solve_lorenz(saved, self.parameters, self.seed, *times)
