"""Selects the law of a learning curve by held-out sizes, and extrapolates it."""

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
"""Three for the fit of a law of two parameters, and one to select the law."""
EQUAL_MISS = 1.02
"""Of laws whose misses differ by less than this factor the simpler one is selected."""


class TooFewSizes(UserError):
    """The curve has too few sizes for any law."""


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """The law of a curve, with R resamplings of its selection and fit.

    A resampling draws other test blocks and, for each size, another training. The law is selected
    and fitted anew in each, so that intervals include the uncertainty of the law.

    Args:
        curve: what was fitted.
        law: selected on the curve itself.
        fitted: its fit to all sizes.
        fits: of each law to all resamplings, in the order of `LAWS`.
        chosen: `(R,)` index in `LAWS` of each resampling's law.
        misses: by law, RMS log ratio on the held-out sizes; inf if it has too many parameters.
        ratios: by law, measured over predicted error of each held-out size.
        withheld: number of the largest sizes held out to select the law.
        noise: between trainings.
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
        """The error predicted for a size, with its interval."""
        return self.curve.interval(float(self.fitted.at(np.array([size]))[0, 0]), self.draws(size))

    def draws(self, size: float) -> Floats:
        """The error predicted for a size in each resampling, `(R,)`."""
        return self._of_chosen([fits.at(np.array([size]))[:, 0] for fits in self.fits])

    def needed(self, error: float) -> tuple[float, Floats]:
        """The size at which the error falls to `error`, and in each resampling; inf if never."""
        draws = self._of_chosen([fits.needed(error) for fits in self.fits])
        return float(self.fitted.needed(error)[0]), draws

    def limit(self) -> Interval:
        """The error in the limit of infinitely many samples."""
        draws = self._of_chosen([fits.limit for fits in self.fits])
        return self.curve.interval(float(self.fitted.limit[0]), draws)

    def support(self) -> float:
        """Share of the resamplings that select the same law."""
        return float((self.chosen == LAWS.index(self.law)).mean())

    def _of_chosen(self, values: list[Floats]) -> Floats:
        return np.stack(values)[self.chosen, np.arange(len(self.chosen))]


def extrapolate(
    curve: LearningCurve, seed: int = 0, num_resamples: int = NUM_RESAMPLES
) -> Extrapolation:
    """Select, among `LAWS`, the one that best predicts the largest sizes from the smaller ones.

    Raises:
        TooFewSizes: there are fewer than four sizes, or an error is zero.
    """
    count = len(curve.sizes)
    if count < MIN_SIZES:
        raise TooFewSizes(
            f"{count} training set sizes of the same kind are too few for a law. Use at least "
            f"{MIN_SIZES}, or 5 to also check the law on a held-out size."
        )
    if not (curve.errors > 0).all():
        raise TooFewSizes("An error is zero, which none of the laws reaches.")
    errors = curve.errors[None]
    ratios = measured_over_predicted(curve.sizes, errors)
    misses = _misses(ratios)
    law = LAWS[int(_least(misses)[0])]
    fitted = fit(law, curve.sizes, errors)
    noise = curve.seed_noise() or TrainingNoise(
        float(fitted.scatter[0]),
        fitted.num_sizes - law.parameters,
        f"the scatter of {fitted.num_sizes} sizes about the law",
    )
    resampled = curve.of_blocks(seed, num_resamples) * curve.noisy(noise, seed, num_resamples)
    return Extrapolation(
        curve=curve,
        law=law,
        fitted=fitted,
        fits=tuple(fit(other, curve.sizes, resampled) for other in LAWS),
        chosen=_least(_misses(measured_over_predicted(curve.sizes, resampled))),
        misses={one.name: float(missed) for one, missed in zip(LAWS, misses[0], strict=True)},
        ratios={one.name: ratio[0] for one, ratio in zip(LAWS, ratios, strict=True)},
        withheld=num_withheld(len(curve.sizes)),
        noise=noise,
    )


def num_withheld(num_sizes: int) -> int:
    """Number of held-out sizes: a quarter, at least one."""
    return max(1, num_sizes // 4)


def measured_over_predicted(sizes: Floats, errors: Floats) -> list[Floats]:
    """By law, the errors of the held-out sizes over the predicted ones, `(R, withheld)`.

    NaN for a law with too many parameters for the fitted sizes; infinite if a prediction is not
    positive.
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
    """RMS log ratio of each law, `(R, laws)`; inf for a law with too many parameters."""
    missed = [np.sqrt((np.log(ratio) ** 2).mean(axis=1)) for ratio in ratios]
    return np.nan_to_num(np.stack(missed, axis=1), nan=np.inf)


def _least(misses: Floats) -> NDArray[np.intp]:
    """The first law whose miss is nearly the smallest."""
    return np.argmax(misses <= EQUAL_MISS * misses.min(axis=1, keepdims=True), axis=1)
