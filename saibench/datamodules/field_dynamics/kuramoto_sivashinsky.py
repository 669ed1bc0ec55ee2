"""The Kuramoto–Sivashinsky equation on a periodic line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from saibench.datamodules.cache import cached_arrays, new_array
from saibench.datamodules.field_dynamics.drawn import drawn_between, refuse_reversed, values_of
from saibench.datamodules.field_dynamics.etdrk4 import ETDRK4
from saibench.datamodules.field_dynamics.fields import FieldLayout, GridPoints, Trajectories
from saibench.datamodules.field_dynamics.frames import integrate, solver_steps
from saibench.options import Count, Degree, NotNegative, Positive, check_fields

LARGEST_LYAPUNOV_EXPONENT = 0.09
"""Of μ = 1 on a long domain (`benchmarks/field_dynamics.py` measures it); it scales as 1/μ."""
INITIAL_WAVES = 10
"""Highest wavenumber of the initial condition, in waves per domain."""


@dataclass(frozen=True)
class KuramotoSivashinsky:
    """Solutions of u_t + u u_x + u_xx + μ u_xxxx = 0 on a periodic line.

    The equation has no unit. The solver is pseudo-spectral, with the 2/3 rule against aliasing and
    `ETDRK4` in time, in double precision. An initial condition is a sum of `INITIAL_WAVES` waves of
    random amplitude and phase, scaled to a root mean square drawn between `amplitude_low` and
    `amplitude_high`; μ is drawn between `mu_low` and `mu_high`.

    The Common Task Framework (Wyder et al. 2025) has length 32π, 1,024 points, a solver step of
    0.025 and frames of one step.

    Args:
        trajectories: number of trajectories.
        frames: saved per trajectory.
        points: of the grid.
        length: of the domain.
        time_step: between two frames.
        solver_step: time step of the solver.
        transient: time before the first frame.
        mu_low, mu_high: bounds of μ.
        amplitude_low, amplitude_high: bounds of the root mean square of the initial condition.
        seed: of the initial conditions and parameters.

    Raises:
        UserError: a number out of range, or a `time_step` that is no multiple of `solver_step`.
    """

    title: ClassVar[str] = "Kuramoto–Sivashinsky equation"

    trajectories: Count = 150
    frames: Count = 61
    points: GridPoints = 192
    length: Positive = 100.53096491487338
    time_step: Positive = 1.0
    solver_step: Positive = 0.1
    transient: NotNegative = 100.0
    mu_low: Positive = 0.7
    mu_high: Positive = 1.3
    amplitude_low: Positive = 1.0
    amplitude_high: Positive = 1.0
    seed: Degree = 0

    def __post_init__(self) -> None:
        check_fields(self, "data")
        solver_steps(self.time_step, self.solver_step)
        refuse_reversed(self, "mu", "amplitude")

    @property
    def name(self) -> str:
        return "kuramoto_sivashinsky"

    def describe(self) -> str:
        return (
            f"{self.trajectories:,} solutions of the Kuramoto–Sivashinsky equation with μ "
            f"{values_of(self, 'mu')}, {self.frames} frames {self.time_step:g} apart "
            f"on {self.points} points (seed {self.seed})."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({"mu": self.mu, "amplitude": self.amplitude})

    def recipe(self) -> dict[str, Any]:
        return {"source": self.name, "version": 1, **asdict(self)}

    def layout(self) -> FieldLayout:
        return FieldLayout(
            ("u",),
            (self.points,),
            (self.length,),
            self.time_step,
            self.trajectories,
            self.frames,
            ("mu",),
            has_lyapunov_time=True,
            equation={"name": self.name},
        )

    @property
    def mu(self) -> np.ndarray:
        """`(R,)`, drawn for each trajectory."""
        return drawn_between(self.mu_low, self.mu_high, self.trajectories, self.seed, 1)

    @property
    def amplitude(self) -> np.ndarray:
        """`(R,)` root mean square of the initial conditions."""
        low, high = self.amplitude_low, self.amplitude_high
        return drawn_between(low, high, self.trajectories, self.seed, 2)

    def load(self, cache: Path) -> Trajectories:
        kept = cached_arrays(cache, self.name, self.recipe(), self._build)
        return Trajectories(
            values=kept["u"],
            channels=("u",),
            time_step=self.time_step,
            lengths=(self.length,),
            data_hash=kept.data_hash,
            parameters={"mu": self.mu},
            features={"amplitude": self.amplitude},
            lyapunov_time=self.mu / LARGEST_LYAPUNOV_EXPONENT,
        )

    def _build(self, folder: Path) -> Mapping[str, np.ndarray]:
        shape = (self.trajectories, self.frames, 1, self.points)
        saved = new_array(folder, "u", shape, np.float32)
        initial = initial_waves(self.amplitude, self.points, self.seed)
        times = self.time_step, self.solver_step, self.transient
        solve_ks(saved, initial, self.length, self.mu, *times)
        return {"u": saved}


def solve_ks(
    saved: np.ndarray,
    initial: np.ndarray,
    length: float,
    mu: np.ndarray,
    time_step: float,
    solver_step: float,
    transient: float,
) -> None:
    """Fill `saved (R, T, 1, N)` with solutions.

    Args:
        saved: filled in place.
        initial: `(R, N)`.
        length, mu: as in `SpectralKS`.
        time_step, solver_step, transient: as in `KuramotoSivashinsky`.
    """
    points = initial.shape[1]
    integrate(
        np.fft.rfft(initial),
        SpectralKS(points, length, mu).stepper(solver_step),
        lambda spectrum: np.fft.irfft(spectrum, n=points)[:, None],
        saved,
        solver_steps(time_step, solver_step),
        round(transient / solver_step),
        "Kuramoto–Sivashinsky",
    )


class SpectralKS:
    """The right-hand side in Fourier space, of `(R, K)` spectra by `numpy.fft.rfft`.

    Args:
        points: N of the grid; K = N // 2 + 1.
        length: of the domain.
        mu: `(R,)`.
    """

    def __init__(self, points: int, length: float, mu: np.ndarray) -> None:
        self.points = points
        wavenumber = 2 * np.pi * np.fft.rfftfreq(points, length / points)
        self.linear = wavenumber**2 - np.asarray(mu)[:, None] * wavenumber**4
        kept = np.arange(points // 2 + 1) < points / 3
        self._derivative = np.where(kept, -0.5j * wavenumber, 0)

    def nonlinear(self, spectrum: np.ndarray) -> np.ndarray:
        """−(u²/2)_x, without aliasing."""
        field = np.fft.irfft(spectrum, n=self.points)
        found = np.fft.rfft(np.square(field, out=field))
        return np.multiply(self._derivative, found, out=found)

    def stepper(self, step: float) -> Any:
        """Spectrum → spectrum one time step later."""
        scheme = ETDRK4.of(self.linear, step)
        return lambda spectrum: scheme.advance(spectrum, self.nonlinear)


def initial_waves(amplitude: np.ndarray, points: int, seed: int) -> np.ndarray:
    """Sums of `INITIAL_WAVES` random waves `(R, points)`, with this root mean square.

    A trajectory has the same function on every grid that resolves it.

    Args:
        amplitude: `(R,)`.
        points: of the grid.
        seed: of amplitudes and phases.
    """
    x = 2 * np.pi * np.arange(points) / points
    waves = np.arange(1, min(INITIAL_WAVES, points // 2 - 1) + 1)
    fields = []
    for number, rms in enumerate(amplitude):
        rng = np.random.Generator(np.random.PCG64([seed, 3, number]))
        height, phase = rng.standard_normal(INITIAL_WAVES), rng.uniform(0, 2 * np.pi, INITIAL_WAVES)
        shape = height[: len(waves)] @ np.cos(np.outer(waves, x) + phase[: len(waves), None])
        fields.append(rms * shape / np.sqrt(np.square(shape).mean()))
    return np.array(fields)
