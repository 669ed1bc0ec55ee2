"""The law of a learning curve, chosen by the sizes that it predicts, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import NUM_RESAMPLES, Floats, Interval
from saibench.analysis.learning_curve.curve import LearningCurve, TrainingNoise
from saibench.analysis.learning_curve.fitting import Fits, fit
from saibench.analysis.learning_curve.laws import LAWS, Law
from saibench.errors import UserError

MIN_SIZES = 4
"""Three that a law of two numbers is fitted to, and one to choose it by."""
ALIKE = 1.02
"""Laws whose misses differ by less than this factor predict alike: the simpler one is taken."""


class TooFewSizes(UserError):
    """A curve of too few sizes for any law."""


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """A curve's law with everything that could have been otherwise in R resamplings.

    A resampling draws other blocks of the test, and for each size another training; the law is
    chosen and fitted anew in each, so that intervals hold the doubt about the law too.

    Args:
        curve: what was fitted.
        law: chosen on the curve itself, and its fit to all sizes.
        fits: the law of each resampling fitted to it, by law.
        chosen: `(R,)` position in `LAWS` of each resampling's law.
        misses: by law, how far it missed the withheld sizes: RMS of the log ratio; inf where it
            was not admitted.
        ratios: by law, seen over predicted error of each withheld size.
        withheld: how many of the largest sizes the law was chosen by.
        noise: of other trainings.
    """

    curve: LearningCurve
    law: Law
    fitted: Fits
    fits: tuple[Fits, ...]
    chosen: NDArray[np.intp]
    misses: dict[str, float]
    ratios: dict[str, Floats]
    withheld: int
    noise: TrainingNoise

    def at(self, size: float) -> Interval:
        """The error expected of so many samples, with its interval."""
        return self.curve.interval(float(self.fitted.at(np.array([size]))[0, 0]), self.draws(size))

    def draws(self, size: float) -> Floats:
        """`(R,)` the error of so many samples in each resampling."""
        return self._of_chosen([fits.at(np.array([size]))[:, 0] for fits in self.fits])

    def needed(self, error: float) -> tuple[float, Floats]:
        """Samples with which the error falls to this, and in each resampling; inf is never."""
        draws = self._of_chosen([fits.needed(error) for fits in self.fits])
        return float(self.fitted.needed(error)[0]), draws

    def limit(self) -> Interval:
        """What infinitely many samples would leave."""
        draws = self._of_chosen([fits.limit for fits in self.fits])
        return self.curve.interval(float(self.fitted.limit[0]), draws)

    def support(self) -> float:
        """Share of the resamplings that choose the same law."""
        return float((self.chosen == LAWS.index(self.law)).mean())

    def _of_chosen(self, values: list[Floats]) -> Floats:
        return np.stack(values)[self.chosen, np.arange(len(self.chosen))]


def extrapolate(
    curve: LearningCurve, seed: int = 0, num_resamples: int = NUM_RESAMPLES
) -> Extrapolation:
    """Choose, among `LAWS`, that which predicts the largest sizes best from the smaller ones.

    Raises:
        TooFewSizes: there are fewer than four sizes, or an error is zero.
    """
    _refuse_unfit(curve)
    errors = curve.errors[None]
    ratios = seen_over_predicted(curve.sizes, errors)
    misses = _misses(ratios)
    law = LAWS[int(_least(misses)[0])]
    fitted = fit(law, curve.sizes, errors)
    noise = curve.seed_noise() or _scatter(fitted)
    resampled = curve.of_blocks(seed, num_resamples) * curve.noisy(noise, seed, num_resamples)
    return Extrapolation(
        curve=curve,
        law=law,
        fitted=fitted,
        fits=tuple(fit(other, curve.sizes, resampled) for other in LAWS),
        chosen=_least(_misses(seen_over_predicted(curve.sizes, resampled))),
        misses={one.name: float(missed) for one, missed in zip(LAWS, misses[0], strict=True)},
        ratios={one.name: ratio[0] for one, ratio in zip(LAWS, ratios, strict=True)},
        withheld=num_withheld(len(curve.sizes)),
        noise=noise,
    )


def num_withheld(num_sizes: int) -> int:
    """The largest quarter of the sizes, one at least."""
    return max(1, num_sizes // 4)


def seen_over_predicted(sizes: Floats, errors: Floats) -> list[Floats]:
    """By law, the largest sizes' errors over those predicted from the smaller, `(R, withheld)`.

    A law is admitted if it has fewer numbers than there are sizes to fit them to; else it is NaN,
    and infinite where the prediction is no error.
    """
    kept = len(sizes) - num_withheld(len(sizes))
    ratios = []
    for law in LAWS:
        if kept <= law.parameters:
            ratios.append(np.full(errors[:, kept:].shape, np.nan))
            continue
        predicted = fit(law, sizes[:kept], errors[:, :kept]).at(sizes[kept:])
        with np.errstate(divide="ignore"):
            ratios.append(errors[:, kept:] / np.maximum(predicted, 0.0))
    return ratios


def _misses(ratios: list[Floats]) -> Floats:
    """How far each law is off: RMS log ratio, `(R, laws)`; inf where it was not admitted."""
    missed = [np.sqrt((np.log(ratio) ** 2).mean(axis=1)) for ratio in ratios]
    return np.nan_to_num(np.stack(missed, axis=1), nan=np.inf)


def _least(misses: Floats) -> NDArray[np.intp]:
    """The first law whose miss is about the least."""
    return np.argmax(misses <= ALIKE * misses.min(axis=1, keepdims=True), axis=1)


def _scatter(fitted: Fits) -> TrainingNoise:
    left = fitted.num_sizes - fitted.law.parameters
    origin = f"the scatter of {fitted.num_sizes} sizes about the law"
    return TrainingNoise(float(fitted.scatter[0]), left, origin)


def _refuse_unfit(curve: LearningCurve) -> None:
    count = len(curve.sizes)
    if count < MIN_SIZES:
        raise TooFewSizes(
            f"{count} training set sizes of the same kind are too few for a law; "
            f"{MIN_SIZES} at least would work, 5 to check it on one that it was not chosen by."
        )
    if not (curve.errors > 0).all():
        raise TooFewSizes("an error is zero, and no law of a decreasing error ends there.")
