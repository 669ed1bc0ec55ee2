"""Where a study's best run can be trusted, at other tolerances than its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from saibench.analysis.answers.trust import TrustNumbers, best_range, trust_sentence
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import number

MULTIPLES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Of the range's tolerance."""


@dataclass(frozen=True)
class AtTolerance:
    """The answer of `trust` at one tolerance.

    Args:
        tolerance: in the statistic's unit.
        words: the tolerance with its unit.
        intervals: of the feature, in which the bound is within it.
        sentence: the answer.
    """

    tolerance: float
    words: str
    intervals: tuple[tuple[float, float], ...]
    sentence: str


def at_tolerances(
    evidence: StudyEvidence, runs: Sequence[str], numbers: TrustNumbers
) -> list[AtTolerance]:
    """The answer at `MULTIPLES` of the tolerance, ascending, up to the largest error of a picture.

    The bound is fitted and checked once: it does not depend on the tolerance.

    Args:
        evidence, runs: as of `trust`.
        numbers: of its answer. Without a tolerance there is no further answer.
    """
    if numbers.tolerance is None:
        return []
    found = best_range(evidence, runs)
    assert found.trusted is not None
    answers = []
    wanted = [multiple * numbers.tolerance for multiple in MULTIPLES]
    for tolerance in [one for one in wanted if one <= numbers.top]:
        other = replace(found.trusted, tolerance=tolerance)
        within = replace(numbers, share=found.share_within(tolerance))
        words = number(tolerance, unit=numbers.statistic.unit)
        intervals = other.trusted().intervals
        sentence = trust_sentence(other, within, evidence)
        answers.append(AtTolerance(tolerance, words, intervals, sentence))
    return answers
