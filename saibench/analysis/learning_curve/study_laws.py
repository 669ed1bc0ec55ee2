"""All learning curves of a study with their laws, for a report."""

from __future__ import annotations

from dataclasses import dataclass

from saibench.analysis.learning_curve import sentences
from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.learning_curve.data_needed import REACH, DataNeeded, data_needed
from saibench.analysis.learning_curve.extrapolation import Extrapolation, TooFewSizes, extrapolate
from saibench.analysis.learning_curve.prediction import Check, check
from saibench.analysis.learning_curve.reading import CurveConfig, curve_config, learning_curves
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """A curve and its law; `refused` is the reason if it has none."""

    curve: LearningCurve
    target: float | None = None
    law: Extrapolation | None = None
    check: Check | None = None
    needed: DataNeeded | None = None
    refused: str = ""

    @property
    def label(self) -> str:
        return self.curve.label or "All runs"


@once
def fitted_curves(
    evidence: StudyEvidence, config: CurveConfig | None = None, reach: float = REACH
) -> list[FittedCurve]:
    """All curves of the study; by default of the statistic and target of its workload.

    Raises:
        UserError: see `learning_curves`.
    """
    config = config or curve_config(evidence)
    return [_found(curve, config, reach) for curve in learning_curves(evidence, config)]


def summary(one: FittedCurve) -> list[str]:
    """The law of a curve, its check and the data for the target, in sentences."""
    assert one.law is not None
    found = [sentences.law_sentence(one.law), sentences.check_sentence(one.check, one.curve)]
    if one.needed is not None and one.target is not None:
        found.append(sentences.needed_sentence(one.needed, one.law, one.target))
    return [*found, sentences.seeds_sentence(one.curve)]


def _found(curve: LearningCurve, config: CurveConfig, reach: float) -> FittedCurve:
    try:
        law = extrapolate(curve)
    except TooFewSizes as refusal:
        return FittedCurve(curve, refused=str(refusal))
    error = config.target_error
    needed = None if error is None else data_needed(law, error, reach)
    return FittedCurve(curve, config.target, law, check(curve), needed)
