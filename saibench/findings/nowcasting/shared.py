"""What a claim over rain events may be answered with: nothing, where they are too few."""

from __future__ import annotations

from saibench.analysis.bootstrap import Interval
from saibench.analysis.nowcasting.errors import MIN_EVENTS
from saibench.findings.finding import INCONCLUSIVE, Answer
from saibench.findings.verdict import verdict


def answer(verdict_found: str, events: int, numbers: str, fewest: int = MIN_EVENTS) -> Answer:
    """The verdict with its numbers, or `inconclusive` where fewer events stand behind it."""
    if events >= fewest:
        return verdict_found, numbers
    return INCONCLUSIVE, f"too few events for a claim ({events} of at least {fewest}): {numbers}"


def answer_positive(difference: Interval, numbers: str) -> Answer:
    """Whether a difference that the claim says is positive is."""
    return answer(verdict(difference), difference.count, numbers)
