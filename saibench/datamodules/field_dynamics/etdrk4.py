"""Exponential time differencing of fourth order (Cox and Matthews 2002).

The coefficients are evaluated by contour integrals, without cancellation for small exponents
(Kassam and Trefethen 2005, doi:10.1137/S1064827502410633, whose notation is used).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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
        """The state one time step later, from new arrays of `nonlinear`."""
        full, half, stage, first, middle, last = self._paired if _is_complex(state) else self._own
        start, at_start = _real(state), _real(nonlinear(state))
        decayed, moved = half * start, stage * at_start
        a = np.add(decayed, moved, out=moved)
        at_a = _real(nonlinear(_like(a, state)))
        b = stage * at_a
        b += decayed
        at_b = _real(nonlinear(_like(b, state)))
        c = np.multiply(2, at_b, out=b)
        c -= at_start
        c *= stage
        a *= half
        c += a
        at_c = _real(nonlinear(_like(c, state)))
        at_a += at_b
        at_a *= middle
        at_start *= first
        at_c *= last
        found = np.multiply(full, start, out=decayed)
        found += at_start
        found += at_a
        found += at_c
        return _like(found, state)

    @cached_property
    def _own(self) -> tuple[np.ndarray, ...]:
        """Coefficients in the order of their use."""
        return self.full, self.half, self.stage, self.first, 2 * self.middle, self.last

    @cached_property
    def _paired(self) -> tuple[np.ndarray, ...]:
        """Each coefficient twice, for real and imaginary parts.

        NumPy would multiply a real and a complex array as two complex ones.
        """
        return tuple(np.repeat(one, 2, axis=-1) for one in self._own)


def _is_complex(values: np.ndarray) -> bool:
    return bool(values.dtype.kind == "c")


def _real(values: np.ndarray) -> np.ndarray:
    """Real and imaginary parts as neighbours along the last axis; real values as they are."""
    return np.ascontiguousarray(values).view(np.float64)


def _like(values: np.ndarray, state: np.ndarray) -> np.ndarray:
    return values.view(state.dtype)
