"""What a claim over jets may be answered with: nothing, where a class has too few of them."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.bootstrap import Interval
from saibench.analysis.classification.scores import MIN_SAMPLES, ClassScore, Reduce, interval
from saibench.findings.finding import INCONCLUSIVE, Answer
from saibench.findings.verdict import verdict
from saibench.formatting import fixed, percent


def judged(scores: Sequence[ClassScore], reduce: Reduce, numbers: str) -> Answer:
    """Whether what `reduce` makes of the scores, which the claim says is positive, is."""
    return answer_positive(scores, interval(scores, reduce), numbers)


def answer_positive(scores: Sequence[ClassScore], difference: Interval, numbers: str) -> Answer:
    """The same of an interval that is known, of these scores."""
    return answer(verdict(difference), scores, numbers)


def answer(found: str, scores: Sequence[ClassScore], numbers: str) -> Answer:
    """The verdict with its numbers, or `inconclusive` where a class has too few jets in a score."""
    fewest = min(min(score.num_signal, score.num_background) for score in scores)
    if fewest < MIN_SAMPLES:
        jets = f"{fewest} of at least {MIN_SAMPLES} jets of a class"
        return INCONCLUSIVE, f"too few for a claim ({jets}): {numbers}"
    return found, numbers


def percent_of(*scores: ClassScore, reduce: Reduce | None = None, digits: int = 1) -> str:
    """The interval of a score, or of what `reduce` makes of several, as a share."""
    return percent(interval(scores, reduce), digits)


def number_of(*scores: ClassScore, reduce: Reduce | None = None, digits: int = 4) -> str:
    """The same as a number."""
    return fixed(interval(scores, reduce), digits)
