"""All learning curves of a study with their laws, as a report tells them."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.analysis.learning_curve import sentences
from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.learning_curve.data_needed import REACH, DataNeeded, data_needed
from saibench.analysis.learning_curve.extrapolation import (
    Extrapolation,
    TooFewSizes,
    extrapolate,
)
from saibench.analysis.learning_curve.prediction import Check, check
from saibench.analysis.learning_curve.reading import Asked, asked_of, learning_curves
from saibench.evidence.reader import StudyEvidence


@dataclass(frozen=True, eq=False)
class Found:
    """A curve and its law; `refused` says why there is none."""

    curve: LearningCurve
    target: float | None = None
    law: Extrapolation | None = None
    check: Check | None = None
    needed: DataNeeded | None = None
    refused: str = ""

    @property
    def label(self) -> str:
        return self.curve.label or "All points"


def found_laws(
    evidence: StudyEvidence, asked: Asked | None = None, reach: float = REACH
) -> list[Found]:
    """Every curve of the study; by default of what its workload names.

    Raises:
        UserError: see `learning_curves`.
    """
    asked = asked or asked_of(evidence)
    return [_found(curve, asked, reach) for curve in learning_curves(evidence, asked)]


def story(one: Found) -> list[str]:
    """What was found of a curve that has a law, in sentences."""
    assert one.law is not None
    told = [sentences.law_sentence(one.law), sentences.check_sentence(one.check, one.curve)]
    if one.needed is not None and one.target is not None:
        told.append(sentences.needed_sentence(one.needed, one.law, one.target))
    return [*told, sentences.seeds_sentence(one.curve)]


def _found(curve: LearningCurve, asked: Asked, reach: float) -> Found:
    try:
        law = extrapolate(curve)
    except TooFewSizes as refusal:
        return Found(curve, refused=str(refusal))
    error = asked.target_error
    needed = None if error is None else data_needed(law, error, reach)
    return Found(curve, asked.target, law, check(curve), needed)
