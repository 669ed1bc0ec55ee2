"""Findings on learning curves: do laws extrapolate, which are they, what does a target take?"""

from __future__ import annotations

from functools import partial

from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested
from saibench.interpretation.finding import NOT_SEEN, SEEN, UNDECIDED, Answer, Finding, ask
from saibench.interpretation.learning_curve import sentences
from saibench.interpretation.learning_curve.curve import LearningCurve
from saibench.interpretation.learning_curve.data_needed import ANSWERED, REACHED, data_needed
from saibench.interpretation.learning_curve.extrapolation import FEWEST_SIZES, extrapolate
from saibench.interpretation.learning_curve.laws import LAWS, LOG_LINEAR
from saibench.interpretation.learning_curve.prediction import check
from saibench.interpretation.learning_curve.reading import Asked, asked_of, learning_curves

PREDICTS = "the error of the largest training sets follows from that of smaller ones (§2.5)"
IS_LOG_LINEAR = "the error falls log-linearly with the training set (§5.1)"
DATA_HELP = "more data of the same kind alone reach the target"
DECIDED = 0.95
"""Share of the resamplings that must agree on a law for a claim about it."""


def findings(evidence: StudyEvidence) -> list[Finding]:
    """What this study's curves say; nothing where it trains on fewer than four sizes."""
    if not tested(evidence).height:
        return []
    try:
        asked = asked_of(evidence)
        curves = [c for c in learning_curves(evidence, asked) if len(c.sizes) >= FEWEST_SIZES]
    except UserError:  # the figure says so in its place
        return []
    found: list[Finding] = []
    for curve in curves:
        found += ask(PREDICTS, curve.label, partial(_predicts, curve))
        found += ask(IS_LOG_LINEAR, curve.label, partial(_is_log_linear, curve))
        if asked.target is not None:
            found += ask(DATA_HELP, curve.label, partial(_data_help, curve, asked))
    return found


def _predicts(curve: LearningCurve) -> Answer | None:
    found = check(curve)
    if found is None:
        return None
    verdict = NOT_SEEN if found.misses else SEEN if found.agrees else UNDECIDED
    return verdict, sentences.check_sentence(found, curve)


def _is_log_linear(curve: LearningCurve) -> Answer:
    found = extrapolate(curve)
    share = float((found.chosen == LAWS.index(LOG_LINEAR)).mean())
    verdict = SEEN if share >= DECIDED else NOT_SEEN if share <= 1 - DECIDED else UNDECIDED
    told = sentences.law_sentence(found)
    return verdict, f"{100 * share:.0f} % of the resamplings choose the log-linear law. {told}"


def _data_help(curve: LearningCurve, asked: Asked) -> Answer:
    found, error = extrapolate(curve), asked.target_error
    assert error is not None and asked.target is not None
    needed = data_needed(found, error)
    told = sentences.needed_sentence(needed, found, asked.target)
    if needed.verdict == REACHED or (needed.verdict == ANSWERED and needed.is_bounded):
        return SEEN, told
    return (NOT_SEEN if needed.is_out_of_reach else UNDECIDED), told
