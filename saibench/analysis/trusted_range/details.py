"""The details of a trusted range in sentences, for `trust --verbose`."""

from __future__ import annotations

from saibench.analysis.trusted_range import sentences
from saibench.analysis.trusted_range.competition_text import candidate_sentences
from saibench.analysis.trusted_range.in_short import short_sentences
from saibench.analysis.trusted_range.study_ranges import Found
from saibench.analysis.trusted_range.use_sentences import (
    conditional_sentences,
    shift_sentence,
    usefulness_sentences,
)
from saibench.evidence.reader import StudyEvidence


def detail_sentences(found: Found, evidence: StudyEvidence) -> list[str]:
    """The answer, the fit, the tolerance along the best feature, the candidates, the validation.

    Args:
        found: a range of the study.
        evidence: of the study, for names in words.
    """
    lines = short_sentences(found, evidence)
    trusted, validation = found.trusted, found.validation
    if trusted is None:
        return lines
    lines.insert(1, sentences.fit_sentence(trusted, evidence))
    if trusted.tolerance is not None:
        lines.insert(2, sentences.tolerance_sentence(trusted, trusted.trusted(), evidence))
    lines[-1:-1] = candidate_sentences(found, evidence)
    if validation is not None:
        lines[-1:] = [
            sentences.coverage_sentence(validation),
            sentences.width_sentence(trusted, validation, evidence),
            *usefulness_sentences(validation.usefulness, trusted.statistic),
            *conditional_sentences(validation.conditional, evidence),
        ]
    return [*lines, *(shift_sentence(one, trusted.coverage) for one in found.shifts)]
