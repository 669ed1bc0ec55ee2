"""Exponential time differencing of fourth order (Cox and Matthews 2002).

The coefficients are evaluated by contour integrals, without cancellation for small exponents
(Kassam and Trefethen 2005, doi:10.1137/S1064827502410633, whose notation is used).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CONTOUR_POINTS = 32
"""Points on the upper half of the contour: the exponents are real."""

Nonlinear = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class ETDRK4:
    """Steps of dv/dt = L v + N(v) with a real diagonal L, which broadcasts to the states v.

    Args:
        full, half: exp(h L) and exp(h L / 2).
        stage: coefficient Q of the stages.
        first, middle, last: coefficients f1, f2 and f3 of the sum of the stages.
    """

    full: np.ndarray
    half: np.ndarray
    stage: np.ndarray
    first: np.ndarray
    middle: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, linear: np.ndarray, step: float) -> ETDRK4:
        """The scheme for the diagonal `linear` and a time step h."""
        exponent = step * linear
        angles = np.pi * (np.arange(CONTOUR_POINTS) + 0.5) / CONTOUR_POINTS
        z = exponent[..., None] + np.exp(1j * angles)
        exp = np.exp(z)

        def mean(values: np.ndarray) -> np.ndarray:
            return step * values.real.mean(axis=-1)

        return cls(
            full=np.exp(exponent),
            half=np.exp(exponent / 2),
            stage=mean((np.exp(z / 2) - 1) / z),
            first=mean((-4 - z + exp * (4 - 3 * z + z**2)) / z**3),
            middle=mean((2 + z + exp * (z - 2)) / z**3),
            last=mean((-4 - 3 * z - z**2 + exp * (4 - z)) / z**3),
        )

    def advance(self, state: np.ndarray, nonlinear: Nonlinear) -> np.ndarray:
        """The state one time step later."""
        at_start = nonlinear(state)
        decayed = self.half * state
        a = decayed + self.stage * at_start
        at_a = nonlinear(a)
        at_b = nonlinear(decayed + self.stage * at_a)
        at_c = nonlinear(self.half * a + self.stage * (2 * at_b - at_start))
        return (
            self.full * state
            + self.first * at_start
            + 2 * self.middle * (at_a + at_b)
            + self.last * at_c
        )
