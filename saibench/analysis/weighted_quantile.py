"""The value at which a cumulative weight is reached, found without sorting all values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats

SORTED = 20_000
"""As many values are sorted; of more, most are excluded first."""
CHUNK = 30_000
"""Values that are compared at once, which fit into a processor's cache."""
DRAWN = 4000
"""Values whose order estimates the place of the wanted one."""


def value_reaching(values: Floats, weights: Floats, target: float) -> float:
    """The smallest value v with Σ weights of values ≤ v at least `target`; the largest if none.

    Of many values, those certainly below and above are only added up: two values of a sorted
    sample enclose the wanted one.

    Source: Floyd and Rivest, "Expected time bounds for selection", Commun. ACM 18 (1975).

    Args:
        values, weights: `(samples,)`, at least one; weights are not negative.
        target: of the cumulative weight.
    """
    below = 0.0
    while len(values) > SORTED:
        low, high = _around(values, weights, target - below)
        of_under, inside, of_inside = _shares(values, weights, low, high)
        if len(inside) == len(values):
            break
        if below + of_under >= target and (values < low).any():
            kept = np.flatnonzero(values < low)
        elif below + of_under + of_inside >= target:
            kept, below = inside, below + of_under
        elif (values > high).any():
            kept, below = np.flatnonzero(values > high), below + of_under + of_inside
        else:
            return float(values.max())
        values, weights = values[kept], weights[kept]
    order = np.argsort(values)
    reached = np.searchsorted(below + np.cumsum(weights[order]), target)
    return float(values[order[min(int(reached), len(order) - 1)]])


def values_reaching(values: Floats, weights: Floats, targets: Sequence[float]) -> list[float]:
    """`value_reaching` of several targets; each search excludes the values up to the one before."""
    found: dict[float, float] = {}
    below, last, ascending = 0.0, math.nan, sorted(set(targets))
    for target in ascending:
        if below < target and len(values):
            last = value_reaching(values, weights, target - below)
            if target != ascending[-1]:
                above = values > last
                below += float(weights @ ~above)
                kept = np.flatnonzero(above)
                values, weights = values[kept], weights[kept]
        found[target] = last
    return [found[target] for target in targets]


def _shares(
    values: Floats, weights: Floats, low: float, high: float
) -> tuple[float, NDArray[np.intp], float]:
    """Weight of the values below `low`, and rows and weight of those from `low` to `high`."""
    of_under, of_inside, inside = 0.0, 0.0, []
    for start in range(0, len(values), CHUNK):
        own, of_own = values[start : start + CHUNK], weights[start : start + CHUNK]
        under, rows = own < low, np.flatnonzero((own >= low) & (own <= high))
        of_under += float(of_own @ under)
        of_inside += float(of_own[rows].sum())
        inside.append(rows + start)
    return of_under, np.concatenate(inside), of_inside


def _around(values: Floats, weights: Floats, target: float) -> tuple[float, float]:
    """Two values that probably enclose the wanted one, from every k-th value."""
    every = len(values) // DRAWN
    drawn, of_drawn = values[::every], weights[::every]
    order = np.argsort(drawn)
    share = target / float(weights.sum())
    cumulative = np.cumsum(of_drawn[order])
    place = int(np.searchsorted(cumulative, share * cumulative[-1]))
    margin = 3 * math.isqrt(len(order))
    low, high = max(0, place - margin), min(len(order) - 1, place + margin)
    return float(drawn[order[low]]), float(drawn[order[high]])
