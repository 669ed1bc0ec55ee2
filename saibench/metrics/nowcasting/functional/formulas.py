"""Formulas that metrics take of frames, and figures and findings of evidence: written once.

`Array` is a NumPy array or a tensor; what is returned is of the same kind. They use operators and
methods that both have, so that a report needs no PyTorch.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

Array = Any

FINEST_STEP = 1_000_000
"""Steps are fractions with denominators up to this, so that a CSI is binned in whole numbers."""
FENCE = 3.0
"""Interquartile ranges outside the quartiles from which a draw is far out (Tukey)."""
QUADRANTS = (
    "grows, predicted to grow",
    "decays, predicted to grow",
    "decays, predicted to decay",
    "grows, predicted to decay",
)
"""In the usual order, observed trend to the right, predicted upwards: I, II, III, IV."""


class Trend(NamedTuple):
    """Change of the mean rain rate since the start frame, each (B, K), in mm/h."""

    observed: Array
    predicted: Array


def responds_everywhere(relevant: Array) -> Array:
    """(B,) bool, the events of eq. 5: A + B + C, `relevant` (B, L), is above 0 at every lead."""
    return (relevant > 0).all(axis=1)


def csi_counts(
    hits: Array, relevant: Array, selected: Array, num_bins: int, step: float
) -> list[Array]:
    """Events of eq. 6 in each bin [step j, step (j + 1)), the last holding those of more.

    A CSI is a ratio of two counts, so its bin is found in whole numbers: 3 hits of 200 relevant
    pixels are in the bin that begins at 0.015, not just below it.

    Args:
        hits: (B, L) integers A.
        relevant: (B, L) integers A + B + C.
        selected: (B,) bool, the events that enter.
        num_bins: N.
        step: width of a bin.

    Returns:
        N + 1 arrays (L,) of integers.

    Raises:
        ValueError: bins that don't exist.
    """
    numerator, denominator = whole_step(num_bins, step)
    position = (hits * denominator // (relevant.clip(min=1) * numerator)).clip(max=num_bins)
    return [((position == one) & selected[:, None]).sum(axis=0) for one in range(num_bins + 1)]


@cache
def whole_step(num_bins: int, step: float) -> tuple[int, int]:
    """`step` as a fraction of whole numbers: 0.015 is 3 / 200.

    Raises:
        ValueError: no bins, or a step that is not within 0 ... 1.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1, not {num_bins}.")
    if not 1 / FINEST_STEP <= step <= 1:
        raise ValueError(f"step must be between {1 / FINEST_STEP:g} and 1, not {step}.")
    return Fraction(step).limit_denominator(FINEST_STEP).as_integer_ratio()


def rate_trend(observed: Array, predicted: Array, start: int, leads: list[int]) -> Trend:
    """Eq. 8 of mean rates (B, L) in mm/h: both are offset by the *observed* frame `start`."""
    offset = observed[:, start][:, None]
    return Trend(observed[:, leads] - offset, predicted[:, leads] - offset)


def quadrant_members(observed: Array, predicted: Array) -> tuple[Array, Array, Array, Array]:
    """Which events are in each of `QUADRANTS`, bool; one with an undefined trend is in none."""
    return (
        (observed > 0) & (predicted > 0),
        (observed < 0) & (predicted > 0),
        (observed < 0) & (predicted < 0),
        (observed > 0) & (predicted < 0),
    )


def beyond_fences(values: Array, first: Array, third: Array, fence: float = FENCE) -> Array:
    """Which values lie more than `fence` interquartile ranges outside the quartiles, bool."""
    reach = fence * (third - first)
    return (values < first - reach) | (values > third + reach)
