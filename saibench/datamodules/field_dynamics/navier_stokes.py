"""Two-dimensional incompressible flow in a periodic square, by its vorticity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

LENGTH = 2 * np.pi
"""Side of the domain."""
INITIAL_WAVES = 8
"""Highest wavenumber of the initial vorticity along one axis."""
PEAK = 4.0
"""Wavenumber of the largest initial waves."""
FORCED_WAVES = 4
"""Waves of the Kolmogorov forcing along y."""
MOST_TOGETHER = 16
"""Trajectories that are solved at once, to stay in the processor's cache."""


@dataclass(frozen=True)
class NavierStokes:
    """Solutions of ω_t + v·∇ω = ν Δω + f on a periodic square of side 2π.

    Lengths and times have no unit. v is the divergence-free velocity of the vorticity ω, and f is
    F cos(4y). The solver is pseudo-spectral, with the 2/3 rule against aliasing and `ETDRK4` in
    time, in double precision. The initial vorticity is a sum of random waves of about `PEAK` waves
    per domain, scaled to a root mean square drawn between `amplitude_low` and `amplitude_high`. The
    viscosity ν is drawn between its bounds, uniformly in its logarithm.

    Args:
        trajectories: number of trajectories.
        frames: saved per trajectory.
        points: along a side of the grid.
        time_step: between two frames.
        solver_step: time step of the solver.
        transient: time before the first frame.
        viscosity_low, viscosity_high: bounds of ν.
        amplitude_low, amplitude_high: bounds of the root mean square of the initial vorticity.
        forcing: F; 0 for decaying turbulence.
        seed: of the initial conditions and parameters.

    Raises:
        UserError: a number out of range, or a `time_step` that is no multiple of `solver_step`.
    """

    title: ClassVar[str] = "Navier–Stokes equations"

    trajectories: Count = 48
    frames: Count = 65
    points: GridPoints = 64
    time_step: Positive = 0.25
    solver_step: Positive = 0.025
    transient: NotNegative = 0.0
    viscosity_low: Positive = 0.001
    viscosity_high: Positive = 0.01
    amplitude_low: Positive = 4.0
    amplitude_high: Positive = 4.0
    forcing: NotNegative = 0.0
    seed: Degree = 0

    def __post_init__(self) -> None:
        check_fields(self, "data")
        solver_steps(self.time_step, self.solver_step)
        refuse_reversed(self, "viscosity", "amplitude")

    @property
    def name(self) -> str:
        return "navier_stokes"

    def describe(self) -> str:
        return (
            f"{self.trajectories:,} flows with viscosities {values_of(self, 'viscosity')}, "
            f"{self.frames} frames of the vorticity {self.time_step:g} "
            f"apart on {self.points} x {self.points} points (seed {self.seed})."
        )

    def preview(self) -> pl.DataFrame:
        return pl.DataFrame({"viscosity": self.viscosity, "amplitude": self.amplitude})

    def recipe(self) -> dict[str, Any]:
        return {"source": self.name, "version": 1, **asdict(self)}

    def layout(self) -> FieldLayout:
        return FieldLayout(
            ("vorticity",),
            (self.points, self.points),
            (LENGTH, LENGTH),
            self.time_step,
            self.trajectories,
            self.frames,
            ("viscosity",),
            equation={"name": self.name, "forcing": self.forcing},
        )

    @property
    def viscosity(self) -> np.ndarray:
        """`(R,)`, drawn for each trajectory."""
        low, high = np.log(self.viscosity_low), np.log(self.viscosity_high)
        return np.exp(drawn_between(low, high, self.trajectories, self.seed, 1))

    @property
    def amplitude(self) -> np.ndarray:
        """`(R,)` root mean square of the initial vorticity."""
        low, high = self.amplitude_low, self.amplitude_high
        return drawn_between(low, high, self.trajectories, self.seed, 2)

    def load(self, cache: Path) -> Trajectories:
        kept = cached_arrays(cache, self.name, self.recipe(), self._build)
        return Trajectories(
            values=kept["vorticity"],
            channels=("vorticity",),
            time_step=self.time_step,
            lengths=(LENGTH, LENGTH),
            data_hash=kept.data_hash,
            parameters={"viscosity": self.viscosity},
            features={"amplitude": self.amplitude},
        )

    def _build(self, folder: Path) -> Mapping[str, np.ndarray]:
        shape = (self.trajectories, self.frames, 1, self.points, self.points)
        saved = new_array(folder, "vorticity", shape, np.float32)
        for first in range(0, self.trajectories, MOST_TOGETHER):
            part = slice(first, first + MOST_TOGETHER)
            flow = SpectralFlow(self.points, self.viscosity[part], self.forcing)
            numbers = np.arange(self.trajectories)[part]
            initial = initial_vorticity(self.amplitude[part], numbers, self.points, self.seed)
            integrate(
                np.fft.rfft2(initial),
                flow.stepper(self.solver_step),
                lambda spectrum: np.fft.irfft2(spectrum, s=(self.points,) * 2)[:, None],
                saved[part],
                solver_steps(self.time_step, self.solver_step),
                round(self.transient / self.solver_step),
                "Navier–Stokes",
            )
        return {"vorticity": saved}


class SpectralFlow:
    """The right-hand side in Fourier space, of vorticity spectra `(R, N, N // 2 + 1)`.

    Args:
        points: N along a side; the first axis of a field is y, the second x.
        viscosity: `(R,)`.
        forcing: F of the forcing F cos(4y).
    """

    def __init__(self, points: int, viscosity: np.ndarray, forcing: float = 0.0) -> None:
        self.points = points
        self.x = np.arange(points // 2 + 1, dtype=float)[None, :]
        self.y = np.fft.fftfreq(points, 1 / points)[:, None]
        self.squared = self.x**2 + self.y**2
        self.linear = -np.asarray(viscosity)[:, None, None] * self.squared
        self._kept = (self.x < points / 3) & (np.abs(self.y) < points / 3)
        self._inverse = np.where(self.squared > 0, 1 / np.maximum(self.squared, 1), 0)
        y = LENGTH * np.arange(points) / points
        force = np.broadcast_to(forcing * np.cos(FORCED_WAVES * y)[:, None], (points, points))
        self._force = np.fft.rfft2(force)

    def field(self, spectrum: np.ndarray) -> np.ndarray:
        """The field of a spectrum."""
        return np.fft.irfft2(spectrum, s=(self.points, self.points))

    def velocity(self, spectrum: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Velocity along x and y."""
        stream = self._inverse * spectrum
        return self.field(1j * self.y * stream), self.field(-1j * self.x * stream)

    def nonlinear(self, spectrum: np.ndarray) -> np.ndarray:
        """f − v·∇ω, without aliasing."""
        along_x, along_y = self.velocity(spectrum)
        gradient_x, gradient_y = (
            self.field(1j * self.x * spectrum),
            self.field(1j * self.y * spectrum),
        )
        advected = np.fft.rfft2(along_x * gradient_x + along_y * gradient_y)
        return self._force - self._kept * advected

    def stepper(self, step: float) -> Callable[[np.ndarray], np.ndarray]:
        """Spectrum → spectrum one time step later."""
        scheme = ETDRK4.of(self.linear, step)
        return lambda spectrum: scheme.advance(spectrum, self.nonlinear)


def initial_vorticity(
    amplitude: np.ndarray, numbers: np.ndarray, points: int, seed: int
) -> np.ndarray:
    """Sums of random waves `(R, points, points)` with this root mean square and mean 0.

    A trajectory has the same function on every grid that resolves it.

    Args:
        amplitude: `(R,)`.
        numbers: `(R,)` of the trajectories.
        points: along a side of the grid.
        seed: of the waves.
    """
    most = min(INITIAL_WAVES, points // 2 - 1)
    y, x = np.arange(-INITIAL_WAVES, INITIAL_WAVES + 1), np.arange(INITIAL_WAVES + 1)
    wavenumber = np.hypot(y[:, None], x[None])
    envelope = wavenumber * np.exp(-((wavenumber / PEAK) ** 2))
    kept = (np.abs(y)[:, None] <= most) & (x[None] <= most)
    fields = []
    for number, rms in zip(numbers, amplitude, strict=True):
        rng = np.random.Generator(np.random.PCG64([seed, 3, int(number)]))
        parts = rng.standard_normal((2, *envelope.shape))
        waves = np.where(kept, envelope * (parts[0] + 1j * parts[1]), 0)
        spectrum = np.zeros((points, points // 2 + 1), dtype=complex)
        spectrum[np.ix_(y[np.abs(y) <= most], x[x <= most])] = waves[
            np.ix_(np.abs(y) <= most, x <= most)
        ]
        field = np.fft.irfft2(spectrum, s=(points, points))
        fields.append(rms * field / np.sqrt(np.square(field).mean()))
    return np.array(fields)
