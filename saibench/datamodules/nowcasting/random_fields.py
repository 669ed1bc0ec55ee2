"""Periodic random fields with a power-law spectrum, and divergence-free winds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


def power_law_field(
    rng: np.random.Generator, size: int, slope: float, largest: float
) -> np.ndarray:
    """A periodic Gaussian field `(size, size)` of mean 0 and standard deviation 1.

    Its power spectral density is `k ** -slope` above the wave number of the largest structures and
    flat below, like that of rain (Harris et al. 2001).

    Args:
        rng: random number generator.
        size: pixels of a side.
        slope: of the two-dimensional power spectral density.
        largest: wavelength of the largest structures, in pixels.
    """
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    amplitude = np.maximum(frequency, 1 / largest) ** (-slope / 2)
    amplitude[0, 0] = 0.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * amplitude
    field = np.fft.irfft2(spectrum, s=(size, size))
    return field / field.std()


def divergence_free_wind(
    rng: np.random.Generator, size: int, mean: tuple[float, float], eddies: float, largest: float
) -> np.ndarray:
    """A steady periodic wind `(2, size, size)`, first along x then along y.

    It is a mean flow plus eddies, the rotated gradient of a stream function. Its divergence is
    zero (exactly, for the same spectral derivative).

    Args:
        rng: random number generator.
        size: pixels of a side.
        mean: flow along x and y.
        eddies: root mean square speed of the eddies, in the unit of `mean`.
        largest: wavelength of the largest eddies, in pixels.
    """
    stream = power_law_field(rng, size, slope=6.0, largest=largest)
    spectrum = np.fft.rfft2(stream)
    along_x = 2j * np.pi * np.fft.rfftfreq(size)[None]
    along_y = 2j * np.pi * np.fft.fftfreq(size)[:, None]
    if size % 2 == 0:  # the highest frequency has no derivative on the grid
        along_x[0, -1] = 0.0
        along_y[size // 2, 0] = 0.0
    wind = np.stack(
        [
            np.fft.irfft2(along_y * spectrum, s=(size, size)),
            -np.fft.irfft2(along_x * spectrum, s=(size, size)),
        ]
    )
    speed = np.sqrt(np.square(wind).sum(axis=0).mean())
    return wind * (eddies / speed) + np.asarray(mean)[:, None, None]


@dataclass(frozen=True, eq=False)
class PeriodicSpline:
    """Cubic spline interpolation of a periodic field `(size, size)`."""

    coefficients: np.ndarray

    @classmethod
    def of(cls, field: np.ndarray) -> PeriodicSpline:
        return cls(ndimage.spline_filter(field, order=3, mode="grid-wrap"))

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Values at positions in pixels, of any shape."""
        return ndimage.map_coordinates(
            self.coefficients, [y, x], order=3, mode="grid-wrap", prefilter=False
        )


def displacement(wind: np.ndarray, steps: int = 2) -> np.ndarray:
    """Displacement of the air that arrives at each pixel, in one unit of time.

    Trajectories are integrated backwards through the steady periodic wind by the classical
    Runge-Kutta method.

    Args:
        wind: `(2, size, size)` along x and y, in pixels per unit of time.
        steps: Runge-Kutta steps.

    Returns:
        `(2, size, size)` along x and y, in pixels: air at p was at p - displacement.
    """
    size = wind.shape[1]
    splines = [PeriodicSpline.of(component) for component in wind]
    start = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="xy")).astype(float)
    step = 1 / steps

    def velocity(place: np.ndarray) -> np.ndarray:
        return np.stack([spline.at(*place) for spline in splines])

    place = start
    for _ in range(steps):
        first = velocity(place)
        second = velocity(place - step / 2 * first)
        third = velocity(place - step / 2 * second)
        fourth = velocity(place - step * third)
        place = place - step / 6 * (first + 2 * second + 2 * third + fourth)
    return start - place
