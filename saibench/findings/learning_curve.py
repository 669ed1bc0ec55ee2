"""Findings on learning curves: which law fits, whether it extrapolates, how much data it takes."""

from __future__ import annotations

from functools import partial

from saibench.analysis.learning_curve import sentences
from saibench.analysis.learning_curve.data_needed import ANSWERED, REACHED
from saibench.analysis.learning_curve.laws import LAWS, LOG_LINEAR
from saibench.analysis.learning_curve.study_laws import FittedCurve, fitted_curves
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested
from saibench.findings.finding import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Answer,
    Finding,
    check_claim,
)

PREDICTS = "the errors of the smaller training sets predict that of the largest (§2.5)"
IS_LOG_LINEAR = "the error decreases log-linearly with the training set size (§5.1)"
DATA_HELP = "more data of the same kind is enough to reach the target"
DECIDED = 0.95
"""Fraction of the resamplings that must choose the same law for a verdict on it."""


def findings(evidence: StudyEvidence) -> list[Finding]:
    """The findings on the study's learning curves; none with fewer than four training set sizes."""
    if not tested(evidence).height:
        return []
    try:
        laws = [one for one in fitted_curves(evidence) if one.law is not None]
    except UserError:  # the figure reports it
        return []
    found: list[Finding] = []
    for one in laws:
        label, seeds = one.curve.label, one.curve.seeds
        found += check_claim(PREDICTS, label, partial(_predicts, one), seeds)
        found += check_claim(IS_LOG_LINEAR, label, partial(_is_log_linear, one), seeds)
        found += check_claim(DATA_HELP, label, partial(_data_help, one), seeds)
    return found


def _predicts(one: FittedCurve) -> Answer | None:
    found = one.check
    if found is None:
        return None
    verdict = CONTRADICTED if found.misses else SUPPORTED if found.agrees else INCONCLUSIVE
    return verdict, sentences.check_sentence(found, one.curve)


def _is_log_linear(one: FittedCurve) -> Answer:
    assert one.law is not None
    share = float((one.law.chosen == LAWS.index(LOG_LINEAR)).mean())
    verdict = (
        SUPPORTED if share >= DECIDED else CONTRADICTED if share <= 1 - DECIDED else INCONCLUSIVE
    )
    law = sentences.law_sentence(one.law)
    return verdict, f"{100 * share:.0f} % of the resamplings choose the log-linear law. {law}"


def _data_help(one: FittedCurve) -> Answer | None:
    if one.law is None or one.needed is None or one.target is None:
        return None
    numbers = sentences.needed_sentence(one.needed, one.law, one.target)
    verdict = one.needed.verdict
    if verdict == REACHED or (verdict == ANSWERED and one.needed.is_bounded):
        return SUPPORTED, numbers
    return (CONTRADICTED if one.needed.is_out_of_reach else INCONCLUSIVE), numbers
