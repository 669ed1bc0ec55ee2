"""A trained force field at work: molecular dynamics that knows where its net can be trusted."""

from saibench.guard.calculator import GuardedCalculator
from saibench.guard.reading import (
    OutOfTrustedRange,
    OutOfTrustedRangeWarning,
    Reading,
    UnsuitedRangeWarning,
)
from saibench.guard.trained import TrainedForceField

__all__ = [
    "GuardedCalculator",
    "OutOfTrustedRange",
    "OutOfTrustedRangeWarning",
    "Reading",
    "TrainedForceField",
    "UnsuitedRangeWarning",
]
