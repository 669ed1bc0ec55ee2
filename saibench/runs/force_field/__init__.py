"""A trained force field at work: molecular dynamics that knows where its net can be trusted."""

from saibench.runs.force_field.calculator import GuardedCalculator
from saibench.runs.force_field.reading import (
    OutOfTrustedRange,
    OutOfTrustedRangeWarning,
    Reading,
    UnsuitedRangeWarning,
)
from saibench.runs.force_field.trained import TrainedForceField

__all__ = [
    "GuardedCalculator",
    "OutOfTrustedRange",
    "OutOfTrustedRangeWarning",
    "Reading",
    "TrainedForceField",
    "UnsuitedRangeWarning",
]
