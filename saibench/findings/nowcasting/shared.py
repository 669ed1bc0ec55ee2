"""Answers to claims on rain events: `inconclusive` if there are too few of them."""

from __future__ import annotations

from saibench.analysis.bootstrap import Interval
from saibench.analysis.nowcasting.errors import MIN_EVENTS
from saibench.findings.finding import INCONCLUSIVE, Answer
from saibench.findings.verdict import verdict, verdict_below


def answer(found: str, events: int, numbers: str, min_events: int = MIN_EVENTS) -> Answer:
    """The verdict with its numbers; `inconclusive` with fewer events than `min_events`."""
    if events >= min_events:
        return found, numbers
    return INCONCLUSIVE, f"too few events ({events}, at least {min_events} required): {numbers}"


def answer_above(interval: Interval, numbers: str, limit: float = 0.0) -> Answer:
    """Answer the claim that a value is above a limit."""
    return answer(verdict(interval, limit), interval.count, numbers)


def answer_below(interval: Interval, numbers: str, limit: float = 0.0) -> Answer:
    """Answer the claim that a value is below a limit."""
    return answer(verdict_below(interval, limit), interval.count, numbers)
