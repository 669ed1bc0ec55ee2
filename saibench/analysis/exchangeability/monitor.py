"""Watches a stream of samples: from when on does it no longer resemble the calibration?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from saibench.analysis.exchangeability.martingale import Martingale, PValues
from saibench.analysis.exchangeability.reference import MIN_VALUES, Reference, Series, is_due
from saibench.errors import UserError
from saibench.evidence.independence import TIME

LEVEL = 0.05
"""Largest probability of a false alarm, in a stream of any length."""
LARGEST_LOG = 700.0
"""Larger logarithms would overflow."""


@dataclass(frozen=True)
class Alarm:
    """A stream no longer resembles the calibration.

    Args:
        feature: whose values have changed.
        place: of the sample at which this became significant: its time, or its number.
        since: estimated place of the change: the sample at which the martingale began to grow.
        samples: number of compared samples until the alarm.
    """

    feature: str
    place: float
    since: float
    samples: int


class Monitor:
    """Tests, sample after sample, whether a stream is exchangeable with calibration samples.

    If it is, the probability that the alarm is ever raised is at most `level`: each feature has a
    conformal test martingale, with the threshold (number of features) / level (Bonferroni). A
    monitor needs no true errors, and does not notice errors that change while the features do not;
    `Monitor(reference.of_errors)` does.

    Values of a feature that follow the last compared one by less than its spacing are correlated
    with it, and are skipped.

    Args:
        reference: of a trusted range: `TrustedRange.load("range.json").reference`.
        level: largest probability of a false alarm.
        seed: of the random numbers in the p-values.

    Raises:
        UserError: there is no reference, or the level is not between 0 and 1.
    """

    def __init__(self, reference: Reference | None, *, level: float = LEVEL, seed: int = 0) -> None:
        if reference is None:
            raise UserError(f"{WITHOUT_REFERENCE} Save a range of one run with `trust --save`.")
        if not 0 < level < 1:
            raise UserError(f"level={level:g} is not between 0 and 1. Use {LEVEL:g}.")
        self.reference = reference
        self.level = level
        self.alarm: Alarm | None = None
        self._received = 0
        self._watched = {
            one.name: _Watched(one, (seed, number)) for number, one in enumerate(reference.series)
        }

    @property
    def samples(self) -> int:
        """Number of samples compared until now, of the feature with most."""
        return max(watched.samples for watched in self._watched.values())

    @property
    def threshold(self) -> float:
        """The value of `martingale` at which the alarm is raised."""
        return 1 / self.level

    @property
    def martingale(self) -> float:
        """The largest martingale of a feature, divided by the number of features."""
        largest = max(watched.martingale.log for watched in self._watched.values())
        return math.exp(min(largest - math.log(len(self._watched)), LARGEST_LOG))

    def update(self, features: Mapping[str, float], time: float | None = None) -> Alarm | None:
        """Compare the next sample; return the alarm if it is raised now or was before.

        Args:
            features: by name; others than the reference's are ignored. A value that is not finite
                counts as larger than all others.
            time: of the sample, ascending, in the reference's unit, if it is ordered by time; other
                samples (or groups) are counted.

        Raises:
            UserError: a feature or the time is missing.
        """
        place = self._place(time)
        missing = [name for name in self._watched if name not in features]
        if missing:
            raise UserError(f"the monitor also needs {', '.join(missing)}.")
        for name, watched in self._watched.items():
            watched.update(float(features[name]), place)
        if self.alarm is None and self.martingale >= self.threshold:
            feature = max(self._watched, key=lambda name: self._watched[name].martingale.log)
            found = self._watched[feature]
            self.alarm = Alarm(feature, place, found.lowest_at, found.samples)
        return self.alarm

    def _place(self, time: float | None) -> float:
        self._received += 1
        if self.reference.kind != TIME:
            return float(self._received - 1)
        if time is None:
            unit = f" in {self.reference.unit}" if self.reference.unit else ""
            raise UserError(f"the monitor needs the time of each sample{unit}: update(…, time).")
        return time


WITHOUT_REFERENCE = (
    "The trusted range has no calibration samples to compare with: it is of saibench 0.1 or of "
    f"several runs, or its features have fewer than {MIN_VALUES} independent values."
)


class _Watched:
    """One feature of a stream.

    Args:
        series: its calibration values.
        seed: of the random numbers in its p-values.
    """

    def __init__(self, series: Series, seed: tuple[int, int]) -> None:
        self.martingale = Martingale()
        self.samples = 0
        self.lowest_at = math.nan
        self._p_values = PValues(series.values, seed)
        self._spacing = series.spacing
        self._lowest, self._last = math.inf, -math.inf

    def update(self, value: float, place: float) -> None:
        if not is_due(place, self._last, self._spacing):
            return
        self._last = place
        self.samples += 1
        before = self.martingale.log
        if before <= self._lowest:
            self._lowest, self.lowest_at = before, place
        self.martingale.update(self._p_values.next(value if math.isfinite(value) else math.inf))
