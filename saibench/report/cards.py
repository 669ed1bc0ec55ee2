"""The cards that a page opens with: one question, its answer in a sentence, and a small picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from saibench.analysis.answers import Answer, Answers, study_answers
from saibench.analysis.answers.best_run import best_runs
from saibench.analysis.answers.tolerances import AtTolerance, at_tolerances
from saibench.evidence.reader import StudyEvidence
from saibench.figures.questions import BEST, DRIVERS, FAIR, TRUST
from saibench.report import card_pictures as pictures


@dataclass(frozen=True)
class Card:
    """A question with its answer.

    Args:
        key: section of the page with the details.
        answer: sentence, cautions and numbers.
        picture: inline SVG; empty if there is no answer.
        tolerances: sentences at several tolerances, of which the picture has one group each.
    """

    key: str
    answer: Answer[Any]
    picture: Markup
    tolerances: tuple[AtTolerance, ...] = ()

    @property
    def label(self) -> str:
        return self.answer.label

    @property
    def error(self) -> Exception | None:
        return self.answer.error


def study_cards(evidence: StudyEvidence) -> list[Card]:
    """The cards of a study, in the order of the page."""
    answers = study_answers(evidence)
    return [
        _trust_card(answers, evidence),
        _card(DRIVERS, answers.drivers, pictures.drivers, evidence),
        _card(BEST, answers.best, pictures.best, evidence),
        _card(FAIR, answers.fairness, pictures.fairness, evidence),
    ]


def _trust_card(answers: Answers, evidence: StudyEvidence) -> Card:
    numbers = answers.trust.numbers
    if numbers is None:
        return Card(TRUST, answers.trust, Markup())
    at = at_tolerances(evidence, best_runs(evidence), numbers)
    return Card(TRUST, answers.trust, pictures.trust(numbers, evidence, at), tuple(at))


def _card(
    key: str, answer: Answer[Any], draw: Callable[[Any, StudyEvidence], Markup],
    evidence: StudyEvidence,
) -> Card:  # fmt: skip
    known = answer.numbers is not None
    return Card(key, answer, draw(answer.numbers, evidence) if known else Markup())
