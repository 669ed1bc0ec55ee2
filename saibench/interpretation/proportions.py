"""Intervals of shares: means of values that are 0 or 1, over samples that may be correlated.

A resampled share of 0 or 1 does not vary, and that of few samples too little. The exact binomial
interval (Clopper, Pearson, Biometrika 26, 1934) of the effective number of samples never has zero
width: the count over the design effect, which is the variance between blocks over that of
independent samples (Korn, Graubard, Survey Methodology 24, 1998).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


def exact_interval(successes: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's bounds; the numbers need not be whole.

    >>> tuple(round(bound, 4) for bound in exact_interval(5, 5))
    (0.4782, 1.0)
    """
    tail, failures = (1 - level) / 2, count - successes
    low = stats.beta.ppf(tail, successes, failures + 1) if successes > 0 else 0.0
    high = stats.beta.ppf(1 - tail, successes + 1, failures) if failures > 0 else 1.0
    return float(low), float(high)


def share_interval(
    successes: Floats, counts: Floats, *, independent: bool = False, level: float = 0.95
) -> tuple[float, float]:
    """Bounds of Σ successes / Σ counts from `(B,)` sums over blocks.

    Args:
        independent: whether samples within a block are independent too, so that a block is only a
            bundle of them.
    """
    count = float(counts.sum())
    share = float(successes.sum()) / count
    blocks = len(counts)
    if independent:
        return exact_interval(successes.sum(), count, level)
    if share in (0.0, 1.0):  # no variance tells the design effect: blocks are what is sure
        effective = float(blocks)
    else:
        between = float(np.square(successes - share * counts).sum()) / count**2
        between *= blocks / (blocks - 1)
        effective = min(count, share * (1 - share) / between) if between else count
        # few blocks know their variance badly
        normal = stats.norm.ppf((1 + level) / 2)
        effective *= float(normal / stats.t.ppf((1 + level) / 2, blocks - 1)) ** 2
    return exact_interval(share * effective, effective, level)
