"""Intervals of shares: means of values that are 0 or 1, over samples that may be correlated.

A resampled share of 0 or 1 does not vary, and the share of few samples varies too little. The exact
binomial interval (Clopper, Pearson, Biometrika 26, 1934) of the effective number of samples never
has zero width. The effective number is the count over the design effect, the variance between
blocks over that of independent samples (Korn, Graubard, Survey Methodology 24, 1998).

Differences and ratios of shares combine these bounds (`combined`, `ratio_bounds`), since a bin of
25 samples that are all correct has no variance to resample.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]

MIN_BLOCKS = 3
"""Two blocks have a Student's t of 12.7, which makes an interval useless."""


def exact_interval(successes: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's bounds; the numbers need not be whole.

    >>> tuple(round(bound, 4) for bound in exact_interval(5, 5))
    (0.4782, 1.0)
    """
    tail, failures = (1 - level) / 2, count - successes
    low = special.betaincinv(successes, failures + 1, tail) if successes > 0 else 0.0
    high = special.betaincinv(successes + 1, failures, 1 - tail) if failures > 0 else 1.0
    return float(low), float(high)


def share_interval(
    successes: Floats, counts: Floats, *, independent: bool = False, level: float = 0.95
) -> tuple[float, float]:
    """Bounds of Σ successes / Σ counts from `(B,)` sums over blocks.

    Args:
        independent: whether the samples within a block are independent too; one block is then
            enough.

    Returns:
        NaN without a sample, and for fewer than `MIN_BLOCKS` blocks of correlated samples.
    """
    count = float(counts.sum())
    blocks = len(counts)
    if not count or (blocks < MIN_BLOCKS and not independent):
        return math.nan, math.nan
    share = float(successes.sum()) / count
    if independent:
        return exact_interval(successes.sum(), count, level)
    if share in (0.0, 1.0):  # no variance gives the design effect: count blocks instead
        effective = float(blocks)
    else:
        between = float(np.square(successes - share * counts).sum()) / count**2
        between *= blocks / (blocks - 1)
        effective = min(count, share * (1 - share) / between) if between else count
        normal = special.ndtri((1 + level) / 2)  # the variance of few blocks is uncertain
        effective *= float(normal / special.stdtrit(blocks - 1, (1 + level) / 2)) ** 2
    return exact_interval(share * effective, effective, level)


def combined(
    estimate: float,
    slopes: ArrayLike,
    numbers: ArrayLike,
    bounds: ArrayLike,
    correlations: ArrayLike | None = None,
) -> tuple[float, float]:
    """Bounds of a function of several numbers with bounds of their own (MOVER).

    The distances to these bounds are added in squares, in the direction in which each moves the
    result. For the difference of two independent shares it is Newcombe's method 10 (Stat. Med. 17,
    1998) with exact bounds.

    Source: Zou, Donner, "Construction of confidence limits about effect measures: a general
    approach", Stat. Med. 27 (2008); of correlated numbers: Zou, Psychol. Methods 12 (2007).

    Args:
        slopes: `(n,)` derivatives of the estimate by the numbers.
        numbers: `(n,)`.
        bounds: `(n, 2)`.
        correlations: `(n, n)` of the numbers' errors; independent if None.

    Returns:
        NaN if a number with a non-zero slope has no bounds.
    """
    signs, values = np.sign(slopes), np.asarray(numbers, np.float64)
    low, high = np.asarray(bounds, np.float64).T
    used = signs != 0
    together = (
        np.eye(used.sum()) if correlations is None else np.asarray(correlations)[used][:, used]
    )
    found = []
    for nearer, farther in ((low, high), (high, low)):
        ends = np.where(signs > 0, nearer, farther)[used]
        distances = np.asarray(slopes, np.float64)[used] * (values[used] - ends)
        signed = np.abs(distances) * signs[used]
        squared = float(signed @ together @ signed)
        found.append(math.nan if math.isnan(squared) else math.sqrt(max(0.0, squared)))
    return estimate - found[0], estimate + found[1]


def ratio_bounds(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float]:
    """Bounds of the ratio of two independent numbers ≥ 0, `(low, estimate, high)` each.

    Source: Donner, Zou, "Closed-form confidence intervals for functions of the normal mean and
    standard deviation", Stat. Methods Med. Res. 21 (2012), eq. 7.
    """
    (low, one, high), (other_low, other, other_high) = first, second
    product = one * other

    def root(end: float, of_other: float) -> float:
        inner = product**2 - end * of_other * (2 * one - end) * (2 * other - of_other)
        return math.sqrt(max(0.0, inner))

    def solved(numerator: float, of_other: float) -> float:
        below = of_other * (2 * other - of_other)
        return numerator / below if below else math.inf

    lower = solved(product - root(low, other_high), other_high)
    upper = solved(product + root(high, other_low), other_low)
    return max(0.0, lower), upper if upper >= 0 else math.inf
