"""Parts that several simulations share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def ar1(rng: np.random.Generator, count: int, memory: float) -> NDArray[np.float64]:
    """An AR(1) series of unit variance with coefficient `memory`."""
    found = rng.standard_normal(count)
    for at in range(1, count):
        found[at] = memory * found[at - 1] + math.sqrt(1 - memory**2) * found[at]
    return found


def markdown_table(
    header: Sequence[str], alignment: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, alignment, *rows))
