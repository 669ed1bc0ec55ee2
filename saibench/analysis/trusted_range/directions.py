"""How a bound may change along a feature: rise, fall, or both.

With a distance to training it may not fall, whatever the fitted errors do.
"""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.bootstrap import Floats
from saibench.analysis.mean_ranks import mean_ranks
from saibench.evidence.schema import HIGH, LOW

RISING, FALLING, FREE = 1, -1, 0


def away_from_training(sides: Sequence[str]) -> tuple[int, ...]:
    """The direction of a bound by the side of each feature on which training lies, free without.

    >>> away_from_training(["low", "high", ""])
    (1, -1, 0)
    """
    return tuple({LOW: RISING, HIGH: FALLING}.get(side, FREE) for side in sides)


def estimate_directions(
    features: Floats, values: Floats, weights: Floats, known: Sequence[int] = ()
) -> tuple[int, ...]:
    """The known directions; instead of free ones the sign of a feature's own rank correlation.

    Coefficients of a joint regression would change their signs between correlated features, such
    as two distances to training.
    """
    ranks, weights = mean_ranks(features), weights / weights.sum()
    of_values = mean_ranks(values)
    slopes = weights * (of_values - weights @ of_values) @ (ranks - weights @ ranks)
    signs = [FALLING if slope < 0 else RISING for slope in slopes]
    return tuple(
        own or sign for own, sign in zip(known or (FREE,) * len(signs), signs, strict=True)
    )
