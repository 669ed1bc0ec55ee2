"""Formulas for both tensors and NumPy arrays, used by metrics and by figures and findings.

They use only operators and methods that both types have, so a report needs no PyTorch.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

Array = Any

MAX_DENOMINATOR = 1_000_000
"""Maximum denominator of a bin width as a fraction: bins of the CSI are found in integers."""
FENCE = 3.0
"""Outliers are more than this many interquartile ranges outside the quartiles (Tukey)."""
QUADRANTS = (
    "grows, predicted to grow",
    "decays, predicted to grow",
    "decays, predicted to decay",
    "grows, predicted to decay",
)
"""Quadrants I to IV of the predicted trend (y) over the observed trend (x)."""


class Trend(NamedTuple):
    """Change of the mean rain rate since the start frame, each (B, K), in mm/h."""

    observed: Array
    predicted: Array


def responds_everywhere(relevant: Array) -> Array:
    """(B,) bool, True for the events of eq. 5: `relevant` (B, L), A + B + C, is never 0."""
    return (relevant > 0).all(axis=1)


def csi_counts(
    hits: Array, relevant: Array, selected: Array, num_bins: int, step: float
) -> list[Array]:
    """Number of events of eq. 6 in each bin [step j, step (j + 1)), and in a last bin of the rest.

    A CSI is a ratio of two counts, so its bin is found in integers: 3 hits of 200 relevant pixels
    are in the bin that begins at 0.015.

    Args:
        hits: (B, L) integers A.
        relevant: (B, L) integers A + B + C.
        selected: (B,) bool, the events to count.
        num_bins: N.
        step: width of a bin.

    Returns:
        N + 1 arrays (L,) of integers.

    Raises:
        ValueError: `num_bins` or `step` is out of range.
    """
    numerator, denominator = whole_step(num_bins, step)
    position = (hits * denominator // (relevant.clip(min=1) * numerator)).clip(max=num_bins)
    return [((position == one) & selected[:, None]).sum(axis=0) for one in range(num_bins + 1)]


@cache
def whole_step(num_bins: int, step: float) -> tuple[int, int]:
    """Numerator and denominator of `step`: 0.015 is 3 / 200.

    Raises:
        ValueError: `num_bins` is below 1, or `step` not within 0 and 1.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins must be at least 1, not {num_bins}.")
    if not 1 / MAX_DENOMINATOR <= step <= 1:
        raise ValueError(f"step must be between {1 / MAX_DENOMINATOR:g} and 1, not {step}.")
    return Fraction(step).limit_denominator(MAX_DENOMINATOR).as_integer_ratio()


def rate_trend(observed: Array, predicted: Array, start: int, leads: list[int]) -> Trend:
    """Trend of mean rates (B, L) in mm/h (eq. 8), both relative to the *observed* frame `start`."""
    offset = observed[:, start][:, None]
    return Trend(observed[:, leads] - offset, predicted[:, leads] - offset)


def quadrant_members(observed: Array, predicted: Array) -> tuple[Array, Array, Array, Array]:
    """Masks of the events in each of `QUADRANTS`; an undefined trend is in none."""
    return (
        (observed > 0) & (predicted > 0),
        (observed < 0) & (predicted > 0),
        (observed < 0) & (predicted < 0),
        (observed > 0) & (predicted < 0),
    )


def beyond_fences(values: Array, first: Array, third: Array, fence: float = FENCE) -> Array:
    """Mask of values more than `fence` interquartile ranges outside the quartiles."""
    reach = fence * (third - first)
    return (values < first - reach) | (values > third + reach)
