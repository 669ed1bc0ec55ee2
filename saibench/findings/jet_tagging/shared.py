"""Answers to claims on jets: `inconclusive` if a class has too few of them."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.bootstrap import Floats
from saibench.analysis.classification.scores import MIN_SAMPLES, ClassScore, Reduce, interval
from saibench.findings.finding import INCONCLUSIVE, Answer
from saibench.findings.verdict import verdict
from saibench.formatting import fixed, percent


def first_minus_second(values: Floats) -> Floats:
    """Differences `(resamplings,)` of the first two scores `(resamplings, scores)`."""
    return values[:, 0] - values[:, 1]


def second_minus_first(values: Floats) -> Floats:
    """Differences `(resamplings,)` of the first two scores, with the other sign."""
    return values[:, 1] - values[:, 0]


def answer_positive(scores: Sequence[ClassScore], reduce: Reduce, numbers: str) -> Answer:
    """Answer the claim that a number derived from the scores by `reduce` is positive."""
    return answer(verdict(interval(scores, reduce)), scores, numbers)


def answer(found: str, scores: Sequence[ClassScore], numbers: str) -> Answer:
    """The verdict with its numbers; `inconclusive` if a class has too few jets in any score."""
    fewest = min(min(score.num_signal, score.num_background) for score in scores)
    if fewest < MIN_SAMPLES:
        jets = f"{fewest} jets of a class, at least {MIN_SAMPLES} are required"
        return INCONCLUSIVE, f"too few jets ({jets}): {numbers}"
    return found, numbers


def percent_of(*scores: ClassScore, reduce: Reduce | None = None, digits: int = 1) -> str:
    """The interval of a score, or of the number that `reduce` derives from several, in percent."""
    return percent(interval(scores, reduce), digits)


def number_of(*scores: ClassScore, reduce: Reduce | None = None, digits: int = 4) -> str:
    """The same interval as a number."""
    return fixed(interval(scores, reduce), digits)
