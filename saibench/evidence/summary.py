"""Reductions of a partition's values to one number, by the name that a statistic declares.

>>> summary("root_mean_square").of(np.array([3.0, -4.0, 0.0, 0.0]))
2.5
>>> summary("quantile_abs_0.5").of(np.array([3.0, -4.0, 1.0]))
3.0
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEAN, MEAN_ABS, ROOT_MEAN_SQUARE = "mean", "mean_abs", "root_mean_square"
VALID = f"{MEAN}, {MEAN_ABS}, {ROOT_MEAN_SQUARE}, quantile_0.9, quantile_abs_0.9"
_QUANTILE = re.compile(r"quantile_(abs_)?(0?\.\d+)")


def _unchanged(values: Floats) -> Floats:
    return values


@dataclass(frozen=True)
class Summary:
    """The mean of transformed values, transformed back, or a quantile of them.

    Args:
        transform: of each value.
        back: inverse transform of the mean.
        share: level of the quantile; None for a mean.
    """

    transform: Callable[[Floats], Floats] = _unchanged
    back: Callable[[float], float] = float
    share: float | None = None

    def of(self, values: Floats) -> float:
        """The summary of one or more values `(N,)`; infinite if failures determine it."""
        transformed = self.transform(values)
        if self.share is not None:
            return quantile(transformed, self.share)
        return self.back(float(transformed.mean()))


def summary(how: str) -> Summary:
    """The summary of a name: `mean`, `mean_abs`, `root_mean_square`, `quantile_0.9`, …

    Raises:
        ValueError: the name is unknown.
    """
    if how in _MEANS:
        return _MEANS[how]
    found = _QUANTILE.fullmatch(how)
    if found is None or not 0 < float(found[2]) < 1:
        raise ValueError(f"unknown summary '{how}'. Valid values: {VALID}.")
    return Summary(np.abs if found[1] else _unchanged, share=float(found[2]))


def is_summary(how: object) -> bool:
    """Whether a summary has this name."""
    try:
        return isinstance(how, str) and bool(summary(how))
    except ValueError:
        return False


def quantile(values: Floats, share: float) -> float:
    """The quantile of `(N,)` values with NumPy's interpolation; values may be infinite."""
    ordered = np.sort(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return float(low if low == high else low + (place - math.floor(place)) * (high - low))


_MEANS = {
    MEAN: Summary(),
    MEAN_ABS: Summary(np.abs),
    ROOT_MEAN_SQUARE: Summary(np.square, math.sqrt),
}
