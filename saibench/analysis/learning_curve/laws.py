"""Laws of the error by training set size n, all of the form a · g(n; s) + c.

| law | error of n samples | parameters |
|---|---|---:|
| log-linear | c − a · log₂ n | 2 |
| power | a · n^−s | 2 |
| power with offset | a · n^−s + c | 3 |
| saturating | a · e^(−n/s) + c | 3 |

with a ≥ 0, since more data do no harm, and c ≥ 0, since an error is not negative (in the log-linear
law c is the error at one sample, and unbounded). For a given s a law is linear, so that only s is
searched for and every fit is the global optimum.

Source: Viering & Loog, "The shape of learning curves: a review", IEEE TPAMI 45 (2023),
arXiv:2103.10948, table 1 (log2, pow2, pow3, exp3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from saibench.analysis.bootstrap import Floats
from saibench.formatting import number

Basis = Callable[[Floats, Floats], Floats]
"""g of sizes `(sizes,)` and shapes s `(…, 1)`: `(…, sizes)`."""
Inverse = Callable[[Floats, Floats], Floats]
"""The n at which g has a value, shaped like the value and s; inf if there is none."""


@dataclass(frozen=True)
class Law:
    """A family of curves a · g(n; s) + c.

    Args:
        name: in reports and tables.
        parameters: number of fitted parameters.
        basis: g.
        inverse: of g, by n.
        has_offset: whether c is fitted.
        offset_is_limit: whether c is the limit for n → ∞, and so at least 0.
        formula: a, s and c → the curve as text.
        shapes: sizes → values of s to start the search with, ascending by a constant factor.
    """

    name: str
    parameters: int
    basis: Basis
    inverse: Inverse
    has_offset: bool
    offset_is_limit: bool
    formula: Callable[[float, float, float], str]
    shapes: Callable[[Floats], Floats]


NUM_SHAPES = 32


def _power_inverse(value: Floats, shape: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(value > 0, np.abs(value) ** (-1 / shape), math.inf)


def _exponential_inverse(value: Floats, shape: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(value > 0, np.maximum(0.0, -shape * np.log(np.abs(value))), math.inf)


def _log_inverse(value: Floats, shape: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.exp2(-value)


LOG_LINEAR = Law(
    "log-linear",
    parameters=2,
    basis=lambda sizes, shape: -np.log2(sizes) * np.ones_like(shape),
    inverse=_log_inverse,
    has_offset=True,
    offset_is_limit=False,
    formula=lambda a, s, c: f"{number(c)} − {number(a)} · log₂ n",
    shapes=lambda sizes: np.ones(1),
)
POWER = Law(
    "power",
    parameters=2,
    basis=lambda sizes, shape: sizes**-shape,
    inverse=_power_inverse,
    has_offset=False,
    offset_is_limit=True,
    formula=lambda a, s, c: f"{number(a)} · n^−{number(s)}",
    shapes=lambda sizes: np.geomspace(0.02, 3.0, NUM_SHAPES),
)
POWER_WITH_OFFSET = replace(
    POWER,
    name="power with offset",
    parameters=3,
    has_offset=True,
    formula=lambda a, s, c: f"{number(a)} · n^−{number(s)} + {number(c)}",
)
SATURATING = Law(
    "saturating",
    parameters=3,
    basis=lambda sizes, shape: np.exp(-sizes / shape),
    inverse=_exponential_inverse,
    has_offset=True,
    offset_is_limit=True,
    formula=lambda a, s, c: f"{number(a)} · e^(−n/{number(s)}) + {number(c)}",
    shapes=lambda sizes: np.geomspace(sizes.min() / 3, 30 * sizes.max(), NUM_SHAPES),
)

LAWS = (LOG_LINEAR, POWER, POWER_WITH_OFFSET, SATURATING)
"""Laws with fewer parameters come first: of equally good laws the first is selected."""
