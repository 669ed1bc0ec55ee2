"""Where a study's best run can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saibench.analysis.answers.answer import Answer
from saibench.analysis.answers.ranges import ordered_ranges
from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.trusted_range.in_short import where_sentence
from saibench.analysis.trusted_range.records import Quantity
from saibench.analysis.trusted_range.study_ranges import Found
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import counted, percent

MAX_DOTS = 400
POSITIONS = 101
TOP_ERRORS = 0.98
"""Quantile of the errors that a picture shows."""


@dataclass(frozen=True, eq=False)
class TrustNumbers:
    """A trusted range along its feature.

    Args:
        run: label of the run; empty if the study has one.
        feature, statistic: of the range.
        tolerance: None if none is set.
        coverage: of the bound.
        intervals: of the feature, in which the bound is within the tolerance.
        share: of samples with a bound within the tolerance; None without a tolerance.
        observed: share of held-out samples below their bound; None if not validated.
        recognised: share of the held-out samples within the tolerance that are declared trusted;
            None without a validation, a tolerance or such a sample.
        values, errors: `(n,)` of at most 400 samples.
        positions, expected, bound: `(m,)` along the fitted range of the feature.
    """

    run: str
    feature: Quantity
    statistic: Quantity
    tolerance: float | None
    coverage: float
    intervals: tuple[tuple[float, float], ...]
    share: Interval | None
    observed: Interval | None
    recognised: Interval | None
    values: Floats
    errors: Floats
    positions: Floats
    expected: Floats
    bound: Floats

    @property
    def top(self) -> float:
        """The largest error that a picture shows: nearly all errors, the bound, the tolerance."""
        errors = float(np.quantile(self.errors, TOP_ERRORS))
        return max(errors, self.tolerance or 0.0, *self.bound[np.isfinite(self.bound)])


def trust(evidence: StudyEvidence, runs: Sequence[str], question: str) -> Answer[TrustNumbers]:
    """The trusted range of `best_range`, with a caution if the first of these runs has none.

    Raises:
        UserError: no range can be fitted.
    """
    fitted = best_range(evidence, runs)
    label = fitted.label if len(evidence.metrics) > 1 else ""
    numbers = _numbers(fitted, label)
    assert fitted.trusted is not None
    sentence = trust_sentence(fitted.trusted, numbers, evidence)
    cautions = (*_refused(evidence, runs), *_cautions(fitted))
    return Answer(question, sentence, numbers, cautions)


def best_range(evidence: StudyEvidence, runs: Sequence[str]) -> Found:
    """The first fitted range of `ordered_ranges`.

    Raises:
        UserError: no range can be fitted.
    """
    ranges = ordered_ranges(evidence, runs)
    fitted = next((one for one in ranges if one.trusted), None)
    if fitted is None:
        raise UserError(ranges[0].refused if ranges else "no run was tested.")
    return fitted


def _refused(evidence: StudyEvidence, runs: Sequence[str]) -> list[str]:
    """Why the first of these runs has no range of its own."""
    own = ordered_ranges(evidence, runs)[0]
    return [f"{own.label} has no range: {own.refused}"] if own.refused else []


def _numbers(found: Found, label: str) -> TrustNumbers:
    trusted, samples = found.trusted, found.samples
    assert trusted is not None and samples is not None
    every = -(-len(samples.errors) // MAX_DOTS)
    along = trusted.best
    positions = np.linspace(along.low[0], along.high[0], POSITIONS)
    check = along.check(positions)
    validation = found.validation
    decision = None if validation is None else validation.usefulness.decision
    within = None if trusted.tolerance is None else trusted.trusted()
    return TrustNumbers(
        run=label,
        feature=along.features[0],
        statistic=trusted.statistic,
        tolerance=trusted.tolerance,
        coverage=trusted.coverage,
        intervals=() if within is None else within.intervals,
        share=found.share_trusted,
        observed=None if validation is None else validation.at_coverage,
        recognised=None if decision is None else decision.recognised,
        values=samples.feature(along.features[0].name)[::every],
        errors=samples.errors[::every],
        positions=positions,
        expected=check.expected,
        bound=check.upper,
    )


def trust_sentence(trusted: TrustedRange, numbers: TrustNumbers, evidence: StudyEvidence) -> str:
    """Where the run can be trusted, and how often its bound holds."""
    named = f"{numbers.run}: " if numbers.run else ""
    sentence = f"{named}{where_sentence(trusted, numbers.share, evidence)}"
    if numbers.observed is not None:
        observed = percent(numbers.observed)
        sentence += f" On held-out blocks, {observed} of the samples are below their bound."
    return sentence


def _cautions(found: Found) -> tuple[str, ...]:
    validation = found.validation
    if validation is None:
        return (f"The bound is not validated: {found.unvalidated}",)
    cautions = []
    if not validation.is_informative:
        cautions.append("The bound is not significantly narrower than without the feature.")
    if validation.at_coverage.high < validation.coverage:
        cautions.append("On held-out blocks the bound is too low.")
    failing = len(validation.conditional.failing)
    if failing:
        cautions.append(f"The coverage is too low in {counted(failing, 'part')} of the range.")
    for shift in found.shifts:
        inside = shift.coverage_inside
        if inside is not None and inside.high < validation.coverage:
            cautions.append(
                f"On {shift.partition}, only {percent(inside)} of the samples inside the range are "
                "below their bound."
            )
    return tuple(cautions)
