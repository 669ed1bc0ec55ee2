"""Features that predict the error of a run, from the competition of its trusted range."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.answers.answer import Answer
from saibench.analysis.answers.driver import PREDICTOR, Driver, DriverNumbers
from saibench.analysis.answers.trust import best_range
from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.competition import Candidate
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import capitalized, joined, percent

MAX_FEATURES = 3
STANDARD_ERRORS = 2.0


def predictors(
    evidence: StudyEvidence, runs: Sequence[str], question: str, reason: str
) -> Answer[DriverNumbers]:
    """The features that lower the held-out loss of the bound most, each alone.

    Args:
        evidence: the study.
        runs: those whose range is preferred.
        question: that is answered.
        reason: why the error cannot be traced.

    Raises:
        UserError: no feature is better than none by two standard errors; the message is `reason`.
    """
    try:
        found = best_range(evidence, runs)
    except UserError as error:
        raise UserError(reason) from error
    trusted, competition = found.trusted, found.trusted and found.trusted.competition
    alone: dict[str, Candidate] = {}
    for one in competition.candidates if competition else ():  # ascending with their loss
        if len(one.features) == 1:
            alone.setdefault(one.features[0], one)
    good = [one for one in alone.values() if one.gain > STANDARD_ERRORS * one.gain_error]
    if trusted is None or not good:
        raise UserError(reason)
    counts = trusted.counts
    blocks = counts.fitted_blocks + counts.calibration_blocks

    def driver(one: Candidate) -> Driver:
        reach = STANDARD_ERRORS * one.gain_error
        gain = Interval(one.gain - reach, one.gain, one.gain + reach, blocks, counts.samples)
        return Driver(one.features[0], PREDICTOR, gain)

    label = found.label if len(evidence.metrics) > 1 else ""
    numbers = DriverNumbers(label, trusted.statistic, tuple(map(driver, good[:MAX_FEATURES])))
    bounded = titled(trusted.statistic.title, evidence) + (f" of {label}" if label else "")
    first, *rest = numbers.drivers
    gains = [percent(first.share)]
    gains += [f"{titled(one.name, evidence)} by {percent(one.share)}" for one in rest]
    each = ", each alone" if rest else ""
    sentence = (
        f"{bounded} on {joined(trusted.source.partitions)} is predicted best by "
        f"{titled(first.name, evidence)}, which lowers the held-out loss of its bound by "
        f"{joined(gains)}{each}. These predict the error, and need not cause it."
    )
    return Answer(question, capitalized(sentence), numbers, (f"Not traced: {reason}",))
