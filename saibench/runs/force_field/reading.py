"""Readings of a guarded calculator, and its warnings and errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from saibench.analysis.trusted_range.records import Quantity
from saibench.formatting import number


@dataclass(frozen=True)
class Reading:
    """Error bound of one frame.

    Args:
        step: of the calculator, counted from 0.
        features: name → value.
        expected: expected error, in the statistic's unit.
        bound: upper bound of the error, with the range's coverage.
        inside: whether the features lie in the fitted range; outside, the bound is extrapolated.
        tolerance: largest acceptable error, or None.
        statistic: the bounded error.
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
        """Whether the frame is inside the fitted range and the bound within the tolerance."""
        return self.inside and (self.tolerance is None or self.bound <= self.tolerance)

    def sentence(self) -> str:
        """State whether the net is trusted at this step, and why."""
        if not all(map(math.isfinite, self.features.values())):
            return f"Step {self.step}: the molecule has broken apart; its error is unknown."
        where = ", ".join(f"{name} = {value:.6g}" for name, value in self.features.items())
        bound = f"at most {number(self.bound, unit=self.statistic.unit)}"
        if not self.inside:
            return (
                f"Step {self.step}: {where} is outside the fitted range; a "
                f"{self.statistic.name} of {bound} is extrapolated."
            )
        if not self.trusted:
            return (
                f"Step {self.step}: at {where} the {self.statistic.name} is {bound}, above the "
                f"tolerance of {self.tolerance:g} {self.statistic.unit}."
            )
        return f"Step {self.step}: at {where} the {self.statistic.name} is {bound}: trusted."


class OutOfTrustedRangeWarning(UserWarning):
    """A guarded calculator has left its trusted range."""


class UnsuitedRangeWarning(UserWarning):
    """A trusted range was fitted to another run or other data than the guarded net."""


class OutOfTrustedRange(RuntimeError):
    """A guarded calculator with `action="stop"` has left its trusted range.

    Args:
        reading: of the step.
    """

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading.sentence())
        self.reading = reading
