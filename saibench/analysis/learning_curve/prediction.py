"""Checks the law of the smaller sizes on the largest sizes, which are held out."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.analysis.bootstrap import NUM_RESAMPLES, Interval
from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.learning_curve.extrapolation import MIN_SIZES, extrapolate, num_withheld
from saibench.analysis.learning_curve.laws import Law

AGREES_WITHIN = 1.25
"""Factor within which the interval of measured over predicted error means agreement."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """A held-out size.

    Args:
        size: number of training samples.
        expected: its error predicted by the law of the smaller sizes.
        measured: its error.
        ratio: measured over predicted, on the same resampled test blocks.
    """

    size: float
    expected: Interval
    measured: Interval
    ratio: Interval

    @property
    def misses(self) -> bool:
        """Whether the prediction is significantly wrong: the interval of the ratio excludes 1."""
        return self.ratio.low > 1 or self.ratio.high < 1

    @property
    def agrees(self) -> bool:
        """Whether the interval of the ratio is within `AGREES_WITHIN`."""
        return self.ratio.low > 1 / AGREES_WITHIN and self.ratio.high < AGREES_WITHIN


@dataclass(frozen=True, eq=False)
class Check:
    """Predictions for the largest sizes by a law that was selected and fitted without them."""

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
    """Hold out the largest sizes from selection and fit; None if too few are left."""
    count = len(curve.sizes)
    kept = count - num_withheld(count)
    if kept < MIN_SIZES:
        return None
    early = extrapolate(curve.upto(kept), seed, num_resamples)
    factors = curve.noisy(early.noise, seed + 1, num_resamples)  # trainings other than those fitted
    measured = (curve.of_blocks(seed, num_resamples) * factors)[:, kept:]
    own = curve.intervals()
    found = []
    for number, size in enumerate(curve.sizes[kept:]):
        expected = early.at(float(size))
        estimate = curve.errors[kept + number] / expected.estimate
        draws = measured[:, number] / early.draws(float(size))
        ratio = curve.interval(estimate, draws)
        found.append(Predicted(float(size), expected, own[kept + number], ratio))
    return Check(early.law, float(curve.sizes[kept - 1]), tuple(found))
