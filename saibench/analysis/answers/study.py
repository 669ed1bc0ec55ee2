"""The four answers about a study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial

from saibench.analysis.answers.answer import Answer, answered
from saibench.analysis.answers.best_run import BestRunNumbers, best_run
from saibench.analysis.answers.driver import DriverNumbers
from saibench.analysis.answers.drivers import drivers
from saibench.analysis.answers.fairness import FairnessNumbers, fairness
from saibench.analysis.answers.trust import TrustNumbers, trust
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence

TRUST = "Where can it be trusted?"
DRIVERS = "What drives the error?"
BEST = "Which run is best, and is the difference real?"
FAIRNESS = "Is the test fair?"


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers about a study; those on trust and drivers are about its best run."""

    trust: Answer[TrustNumbers]
    drivers: Answer[DriverNumbers]
    best: Answer[BestRunNumbers]
    fairness: Answer[FairnessNumbers]

    def __iter__(self) -> Iterator[Answer[object]]:
        return (getattr(self, field.name) for field in fields(self))


@once
def study_answers(evidence: StudyEvidence) -> Answers:
    """Answer the four questions; an answer that cannot be given says why."""
    best = answered(BEST, partial(best_run, evidence))
    runs = best.numbers.models[0].runs if best.numbers else tuple(evidence.metrics)
    return Answers(
        trust=answered(TRUST, partial(trust, evidence, runs)),
        drivers=answered(DRIVERS, partial(drivers, evidence, runs)),
        best=best,
        fairness=answered(FAIRNESS, partial(fairness, evidence)),
    )
