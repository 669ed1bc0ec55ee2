"""Trusted operating range: where a model's error stays within a tolerance, with a bound."""

from __future__ import annotations

from saibench.analysis.trusted_range.conformal import TooFewBlocks
from saibench.analysis.trusted_range.of_evidence import trusted_range_of
from saibench.analysis.trusted_range.records import Check, Counts, Quantity, Source
from saibench.analysis.trusted_range.tolerance import ToleranceInterval
from saibench.analysis.trusted_range.trusted_range import TrustedRange

__all__ = [
    "Check",
    "Counts",
    "Quantity",
    "Source",
    "ToleranceInterval",
    "TooFewBlocks",
    "TrustedRange",
    "trusted_range_of",
]
