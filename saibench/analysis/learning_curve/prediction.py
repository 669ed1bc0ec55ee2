"""The law of the smaller sizes against what the largest, withheld, turned out to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saibench.analysis.bootstrap import NUM_RESAMPLES, Floats, Interval
from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.learning_curve.extrapolation import (
    MIN_SIZES,
    Extrapolation,
    extrapolate,
    num_withheld,
)
from saibench.analysis.learning_curve.laws import Law

AGREES_WITHIN = 1.25
"""A ratio of seen to predicted that is known to lie within this factor of one is agreement."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """A withheld size.

    Args:
        size: samples trained on.
        expected: its error, predicted by the law of the smaller sizes.
        seen: its error.
        ratio: seen over predicted, on the same resampled blocks of the test.
    """

    size: float
    expected: Interval
    seen: Interval
    ratio: Interval

    @property
    def misses(self) -> bool:
        """Whether the prediction is wrong beyond doubt."""
        return self.ratio.low > 1 or self.ratio.high < 1

    @property
    def agrees(self) -> bool:
        """Whether it is right within `AGREES_WITHIN` beyond doubt."""
        return self.ratio.low > 1 / AGREES_WITHIN and self.ratio.high < AGREES_WITHIN


@dataclass(frozen=True, eq=False)
class Check:
    """What a law that was chosen and fitted without the largest sizes says of them."""

    law: Law
    largest_fitted: float
    predictions: tuple[Predicted, ...]

    @property
    def misses(self) -> bool:
        return any(one.misses for one in self.predictions)

    @property
    def agrees(self) -> bool:
        return all(one.agrees and not one.misses for one in self.predictions)


def check(curve: LearningCurve, seed: int = 0, num_resamples: int = NUM_RESAMPLES) -> Check | None:
    """Withhold the largest sizes from choice and fit; None if too few would be left."""
    count = len(curve.sizes)
    kept = count - num_withheld(count)
    if kept < MIN_SIZES:
        return None
    early = extrapolate(curve.upto(kept), seed, num_resamples)
    seen = _seen(curve, early, kept, seed, num_resamples)
    own = curve.intervals()
    found = []
    for number, size in enumerate(curve.sizes[kept:]):
        expected = early.at(float(size))
        estimate = curve.errors[kept + number] / expected.estimate
        draws = seen[:, number] / early.draws(float(size))
        ratio = curve.interval(estimate, draws)
        found.append(Predicted(float(size), expected, own[kept + number], ratio))
    return Check(early.law, float(curve.sizes[kept - 1]), tuple(found))


def _seen(
    curve: LearningCurve, early: Extrapolation, kept: int, seed: int, num_resamples: int
) -> Floats:
    """`(R, withheld)` errors on the blocks of `early`, of trainings that could have been others."""
    factors = curve.noisy(early.noise, seed + 1, num_resamples)
    return np.asarray(curve.of_blocks(seed, num_resamples) * factors)[:, kept:]
