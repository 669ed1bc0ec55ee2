"""The Lorenz system of 1963, the smallest chaotic system of the workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.field_dynamics.drawn import drawn_between, refuse_reversed, values_of
from saibench.datamodules.field_dynamics.fields import FieldLayout, Trajectories
from saibench.datamodules.field_dynamics.frames import integrate, solver_steps
from saibench.options import Count, Degree, NotNegative, Positive, check_fields

SIGMA, BETA = 10.0, 8 / 3
CHAOTIC_RHO, LARGEST_LYAPUNOV_EXPONENT = 28.0, 0.9056
"""The ρ at which the exponent is known (Viswanath 1998)."""
CENTRE = np.array([0.0, 0.0, 25.0])
"""Centre of the initial conditions, near the middle of the attractor."""


@dataclass(frozen=True)
class Lorenz63:
    """Solutions of x' = σ (y − x), y' = x (ρ − z) − y, z' = x y − β z with σ = 10 and β = 8/3.

    Integrated by the classical Runge–Kutta method, in double precision. ρ is drawn between its
    bounds. The frames have three channels and no grid. Lyapunov times are known at ρ = 28 only:
    elsewhere the exponent is another one, and negative where the solution is not chaotic.

    Args:
        trajectories: number of trajectories.
        frames: saved per trajectory.
        time_step: between two frames.
        solver_step: time step of the solver.
        transient: time before the first frame.
        rho_low, rho_high: bounds of ρ.
        seed: of the initial conditions and parameters.

    Raises:
        UserError: a number out of range, or a `time_step` that is no multiple of `solver_step`.
    """

    title: ClassVar[str] = "Lorenz system"

    trajectories: Count = 60
    frames: Count = 400
    time_step: Positive = 0.05
    solver_step: Positive = 0.005
    transient: NotNegative = 10.0
    rho_low: Positive = 28.0
    rho_high: Positive = 28.0
    seed: Degree = 0

    def __post_init__(self) -> None:
        check_fields(self, "data")
        solver_steps(self.time_step, self.solver_step)
        refuse_reversed(self, "rho")

    @property
    def name(self) -> str:
        return "lorenz"

    def describe(self) -> str:
        return (
            f"{self.trajectories:,} solutions of the Lorenz system with ρ "
            f"{values_of(self, 'rho')}, {self.frames} frames {self.time_step:g} apart "
            f"(seed {self.seed})."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({"rho": self.rho})

    def recipe(self) -> dict[str, Any]:
        return {"source": self.name, "version": 1, **asdict(self)}

    def layout(self) -> FieldLayout:
        return FieldLayout(
            ("x", "y", "z"),
            (),
            (),
            self.time_step,
            self.trajectories,
            self.frames,
            ("rho",),
            has_lyapunov_time=self._is_chaotic,
        )

    @property
    def _is_chaotic(self) -> bool:
        """Whether all trajectories have the ρ of the known exponent."""
        return self.rho_low == self.rho_high == CHAOTIC_RHO

    @property
    def rho(self) -> np.ndarray:
        """`(R,)`, drawn for each trajectory."""
        return drawn_between(self.rho_low, self.rho_high, self.trajectories, self.seed, 1)

    def load(self, cache: Path) -> Trajectories:
        kept = cached_arrays(cache, self.name, self.recipe(), self._build)
        return Trajectories(
            values=kept["state"],
            channels=("x", "y", "z"),
            time_step=self.time_step,
            lengths=(),
            data_hash=kept.data_hash,
            parameters={"rho": self.rho},
            lyapunov_time=np.full(self.trajectories, 1 / LARGEST_LYAPUNOV_EXPONENT)
            if self._is_chaotic
            else None,
        )

    def _build(self, folder: Path) -> Mapping[str, np.ndarray]:
        saved = new_array(folder, "state", (self.trajectories, self.frames, 3), np.float32)
        times = self.time_step, self.solver_step, self.transient
        solve_lorenz(saved, self.rho, self.seed, *times)
        return {"state": saved}


def solve_lorenz(
    saved: np.ndarray,
    rho: np.ndarray,
    seed: int,
    time_step: float,
    solver_step: float,
    transient: float,
) -> None:
    """Fill `saved (R, T, 3)` with solutions from random states around `CENTRE`.

    Args:
        saved: filled in place.
        rho: `(R,)`.
        seed, time_step, solver_step, transient: as in `Lorenz63`.
    """
    rng = np.random.Generator(np.random.PCG64([seed, 3]))
    integrate(
        CENTRE + 5 * rng.standard_normal((len(rho), 3)),
        lambda state: runge_kutta(state, rho, solver_step),
        lambda state: state,
        saved,
        solver_steps(time_step, solver_step),
        round(transient / solver_step),
        "Lorenz system",
    )


def lorenz_rate(state: np.ndarray, rho: np.ndarray | float) -> np.ndarray:
    """Time derivative of states `(..., 3)`."""
    x, y, z = np.moveaxis(state, -1, 0)
    return np.stack([SIGMA * (y - x), x * (rho - z) - y, x * y - BETA * z], axis=-1)


def runge_kutta(state: np.ndarray, rho: np.ndarray | float, step: float) -> np.ndarray:
    """States `(..., 3)` one time step later."""
    first = lorenz_rate(state, rho)
    second = lorenz_rate(state + step / 2 * first, rho)
    third = lorenz_rate(state + step / 2 * second, rho)
    fourth = lorenz_rate(state + step * third, rho)
    return state + step / 6 * (first + 2 * second + 2 * third + fourth)
