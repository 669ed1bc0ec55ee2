"""What a guard reads at a step, and how it says that a net is no longer to be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from saibench.analysis.trusted_range.records import Quantity
from saibench.formatting import number


@dataclass(frozen=True)
class Reading:
    """One look of a guard at a frame.

    Args:
        step: of the calculator, counted from 0.
        features: name → value.
        expected: error that the range expects, in its statistic's unit.
        bound: upper bound of the error that the range's coverage holds for.
        inside: whether the features lie in the fitted range; elsewhere the bound is a guess.
        tolerance: largest error that is tolerated, None if none was named.
        statistic: the error that is bounded.
    """

    step: int
    features: Mapping[str, float]
    expected: float
    bound: float
    inside: bool
    tolerance: float | None
    statistic: Quantity

    @property
    def trusted(self) -> bool:
        """Inside the fitted range, and with a bound no larger than the tolerance."""
        return self.inside and (self.tolerance is None or self.bound <= self.tolerance)

    def sentence(self) -> str:
        """Why the net is not to be trusted at this step, or that it is."""
        if not all(map(math.isfinite, self.features.values())):
            return f"Step {self.step}: the molecule is broken, and nothing is known of its error."
        where = ", ".join(f"{name} = {value:.6g}" for name, value in self.features.items())
        bound = f"at most {number(self.bound, unit=self.statistic.unit)}"
        if not self.inside:
            return (
                f"Step {self.step}: {where} lies outside the range that was fitted; a "
                f"{self.statistic.name} of {bound} is a guess."
            )
        if not self.trusted:
            return (
                f"Step {self.step}: at {where} the {self.statistic.name} is {bound}, more than "
                f"the tolerated {self.tolerance:g} {self.statistic.unit}."
            )
        return f"Step {self.step}: at {where} the {self.statistic.name} is {bound}: trusted."


class OutOfTrustedRangeWarning(UserWarning):
    """A guarded calculator has left the range in which its net is trusted."""


class UnsuitedRangeWarning(UserWarning):
    """A trusted range was fitted to another run, or to other data, than the net that it guards."""


class OutOfTrustedRange(RuntimeError):
    """A guarded calculator that is to stop has left the range in which its net is trusted.

    Args:
        reading: the step's.
    """

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading.sentence())
        self.reading = reading
