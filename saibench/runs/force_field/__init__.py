"""Molecular dynamics with a trained force field that checks its trusted range."""

from saibench.runs.force_field.calculator import GuardedCalculator
from saibench.runs.force_field.reading import (
    OutOfTrustedRange,
    OutOfTrustedRangeWarning,
    Reading,
    UnsuitedRangeWarning,
)
from saibench.runs.force_field.shift import DistributionShift, Shift, ShiftWarning
from saibench.runs.force_field.trained import TrainedForceField

__all__ = [
    "DistributionShift",
    "GuardedCalculator",
    "OutOfTrustedRange",
    "OutOfTrustedRangeWarning",
    "Reading",
    "Shift",
    "ShiftWarning",
    "TrainedForceField",
    "UnsuitedRangeWarning",
]
