"""All trusted ranges of a study, as a report tells them: points together, and each alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saibench.analysis.trusted_range import sentences
from saibench.analysis.trusted_range.conformal import TooFewBlocks
from saibench.analysis.trusted_range.of_evidence import (
    TrustConfig,
    chosen_points,
    fitted,
    point_label,
    read,
    share_within_tolerance,
    validation_of,
    wanted,
)
from saibench.analysis.trusted_range.reading import Measured
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.validation import Validation
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence


@dataclass(frozen=True, eq=False)
class Found:
    """One row of panels; `refused` says why there is no range, `unvalidated` why no validation."""

    label: str
    samples: Measured | None = None
    trusted: TrustedRange | None = None
    validation: Validation | None = None
    refused: str = ""
    unvalidated: str = ""


def fit_all(evidence: StudyEvidence) -> list[Found]:
    """All points together where the feature tells them apart, then each point alone."""
    asked = wanted(evidence)
    points = chosen_points(evidence)
    found = []
    if len(points) > 1:
        samples = read(evidence, points, asked)
        if _tells_apart(samples):
            found.append(_fit_one(f"all {len(points)} points together", samples, asked))
    for point in points:
        samples = read(evidence, [point], asked)
        found.append(_fit_one(point_label(evidence, point), samples, asked))
    return found


def _fit_one(label: str, samples: Measured, asked: TrustConfig) -> Found:
    try:
        trusted = fitted(samples, asked)
    except UserError as error:
        return Found(label, samples, refused=str(error))
    try:
        return Found(label, samples, trusted, validation_of(samples, asked))
    except TooFewBlocks as error:
        return Found(label, samples, trusted, unvalidated=str(error))


def _tells_apart(samples: Measured) -> bool:
    """Whether the feature's mean differs between points: it depends on what they were trained on.

    A data feature, such as an event's intensity, is the same whatever was trained on.
    """
    feature = samples.features[:, 0]
    means = {feature[samples.groups == group].mean() for group in np.unique(samples.groups)}
    return max(means) - min(means) > 1e-9 * max(map(abs, means))


def further(others: Sequence[Found]) -> list[str]:
    """What is told of the points that are not drawn."""
    known = [one.validation for one in others if one.validation]
    if not known:
        return [f"{len(others)} further points are not drawn."] if others else []
    seen = [100 * validation.at_coverage.estimate for validation in known]
    gain = [100 * validation.gain.estimate for validation in known]
    informed = sum(validation.is_informative for validation in known)
    return [
        f"{len(others)} further points are not drawn (`python -m saibench trust` tells all): "
        f"observed coverage {min(seen):.1f} to {max(seen):.1f} %, bounds "
        f"{min(gain):.1f} to {max(gain):.1f} % narrower than without the feature, beyond doubt "
        f"for {informed} of {len(known)}.".replace("-", "−")
    ]


def refusals(found: Sequence[Found]) -> list[str]:
    """Which rows have no range, and why the first of them has none."""
    refused = [one for one in found if one.refused]
    if len(refused) < 2:
        return [f"{one.label} is refused: {one.refused}" for one in refused]
    labels = "; ".join(one.label for one in refused)
    return [f"{len(refused)} points are refused ({labels}); the first: {refused[0].refused}"]


def story(one: Found) -> str:
    """What was found of one row, in sentences; it has a range."""
    assert one.trusted is not None and one.samples is not None
    told = [sentences.fit_sentence(one.trusted)]
    if one.trusted.tolerance is not None:
        told.append(sentences.tolerance_sentence(one.trusted, one.trusted.trusted()))
        told.append(sentences.share_sentence(share_within_tolerance(one.trusted, one.samples)))
    if one.validation is None:
        return " ".join([*told, f"Not validated: {one.unvalidated}"])
    told.append(sentences.coverage_sentence(one.validation))
    told.append(sentences.width_sentence(one.trusted, one.validation))
    return " ".join(told)
