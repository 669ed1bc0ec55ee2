"""All trusted ranges of a study: of each run, or of its runs together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats, Interval, block_bootstrap
from saibench.analysis.trusted_range.config import TrustConfig, trust_config
from saibench.analysis.trusted_range.conformal import TooFewBlocks
from saibench.analysis.trusted_range.of_evidence import (
    chosen_points,
    fit_range,
    point_label,
)
from saibench.analysis.trusted_range.reading import ErrorSamples, read_samples
from saibench.analysis.trusted_range.shift import Shift, shifts_of
from saibench.analysis.trusted_range.splits import bounded_once
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.validation import Validation, validate
from saibench.errors import UserError
from saibench.evidence.once import Recent, once
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import are, counted, minus


@dataclass(frozen=True, eq=False)
class Found:
    """A range of the study; `refused` and `unvalidated` say why range or validation is missing.

    `points` are its runs, `shifts` its checks on partitions that it was not calibrated on.
    """

    label: str
    samples: ErrorSamples | None = None
    trusted: TrustedRange | None = None
    validation: Validation | None = None
    shifts: tuple[Shift, ...] = ()
    refused: str = ""
    unvalidated: str = ""
    points: tuple[str, ...] = ()

    @cached_property
    def declared(self) -> NDArray[np.bool_]:
        """Whether all features together declare a sample trusted, `(samples,)`.

        They are inside the fitted range, with a bound at or below the tolerance; none without one.
        """
        assert self.trusted is not None and self.samples is not None
        if self.trusted.tolerance is None:
            return np.zeros(len(self.samples.errors), dtype=bool)
        return self._within(self.trusted.tolerance)

    @cached_property
    def share_trusted(self) -> Interval | None:
        """Share of the samples that are declared trusted; None without a range or tolerance."""
        if self.trusted is None or self.samples is None or self.trusted.tolerance is None:
            return None
        return self.share_within(self.trusted.tolerance)

    def share_within(self, tolerance: float) -> Interval:
        """Share of the samples that are declared trusted at this tolerance."""
        assert self.samples is not None
        return block_bootstrap(
            self._within(tolerance).astype(np.float64),
            self.samples.blocks,
            share=True,
            independent=self.samples.independent,
        )

    def _within(self, tolerance: float) -> NDArray[np.bool_]:
        upper, is_inside = self._bounded
        return is_inside & (upper <= tolerance)

    @cached_property
    def _bounded(self) -> tuple[Floats, NDArray[np.bool_]]:
        """The bound of each sample, and whether it is in the fitted range."""
        assert self.trusted is not None and self.samples is not None
        return bounded_once(self.trusted.splits, self.samples.features)


MAX_RUNS = 50
"""Runs of which a page fits all ranges."""
FEW_RUNS = 7
"""Runs of a larger study that a page fits ranges of, as many as it draws; each takes seconds."""


def fitted_points(evidence: StudyEvidence, first: Sequence[str]) -> tuple[str, ...]:
    """The runs that a page fits ranges of: all, or one of `first` and evenly spaced others.

    Raises:
        UserError: no run has results.
    """
    points = chosen_points(evidence)
    if len(points) <= MAX_RUNS:
        return tuple(points)
    best = next((point for point in points if point in first), points[0])
    others = [point for point in points if point not in first] or points
    places = np.linspace(0, len(others) - 1, FEW_RUNS - 1).round().astype(int)
    return tuple(dict.fromkeys([best, *(others[place] for place in places)]))


@once
def fit_all(evidence: StudyEvidence, points: Sequence[str] | None = None) -> list[Found]:
    """The range of each run; that of all together first, if no run has one and the feature differs.

    A bound for several runs covers the worst of them, so it is rarely informative.

    Args:
        points: runs, by default all.
    """
    config = trust_config(evidence)
    points = chosen_points(evidence) if points is None else points
    found = [range_of(point_label(evidence, point), evidence, [point], config) for point in points]
    readable = [point for one in found if one.samples for point in one.points]
    if len(readable) > 1 and not any(one.trusted for one in found):
        samples = read_samples(evidence, readable, config)
        if _differs_between_runs(samples):
            together = fit_or_refuse(f"{len(readable)} runs together", samples, config)
            found.insert(0, with_shifts(together, evidence, readable, config))
    return found


def range_of(
    label: str,
    evidence: StudyEvidence,
    points: Sequence[str],
    config: TrustConfig,
    seed: int = 0,
    check_on: Sequence[str] | None = None,
) -> Found:
    """The range of these runs with its checks on other partitions, or why they have none.

    Args:
        label: of the range.
        evidence: the study.
        points: runs, of which those without samples are skipped.
        config: of the range.
        seed: of the splits of blocks.
        check_on: as `partitions` of `with_shifts`.

    Raises:
        UserError: the range can't be checked on a given partition.
    """
    try:
        samples = read_samples(evidence, points, config)
    except UserError as error:
        return Found(label, refused=str(error), points=tuple(points))
    found = fit_or_refuse(label, samples, config, seed)
    return with_shifts(found, evidence, samples.source.points, config, check_on)


_FITTED = Recent[tuple[TrustedRange, Validation | None, str]](64)


def fit_one(label: str, samples: ErrorSamples, config: TrustConfig, seed: int = 0) -> Found:
    """Fit a range and validate it if the blocks allow that.

    Raises:
        TooFewBlocks: the data do not allow the coverage.
    """
    content = f"{samples.content} {config} {seed}"
    trusted, validation, reason = _FITTED.get(content, lambda: _fitted(samples, config, seed))
    points = samples.source.points
    return Found(label, samples, trusted, validation, unvalidated=reason, points=points)


def _fitted(
    samples: ErrorSamples, config: TrustConfig, seed: int
) -> tuple[TrustedRange, Validation | None, str]:
    """Range, validation, and the reason why the validation is missing."""
    trusted = fit_range(samples, config, seed)
    try:
        validation = validate(samples, config.coverage, tolerance=config.tolerance, seed=seed)
        return trusted, validation, ""
    except TooFewBlocks as error:
        return trusted, None, str(error)


def with_shifts(
    found: Found,
    evidence: StudyEvidence,
    points: Sequence[str],
    config: TrustConfig,
    partitions: Sequence[str] | None = None,
) -> Found:
    """With the range's checks on other partitions, see `shifts_of`."""
    if found.trusted is None:
        return found
    shifts = shifts_of(evidence, points, found.trusted, config, partitions)
    return replace(found, shifts=shifts)


def fit_or_refuse(label: str, samples: ErrorSamples, config: TrustConfig, seed: int = 0) -> Found:
    """`fit_one`, or the reason why the data do not allow it."""
    try:
        return fit_one(label, samples, config, seed)
    except UserError as error:
        return Found(label, samples, refused=str(error), points=samples.source.points)


def _differs_between_runs(samples: ErrorSamples) -> bool:
    """Whether a feature's mean depends on the run's training, unlike that of a data feature."""
    each = [samples.features[samples.groups == one] for one in np.unique(samples.groups)]
    means = np.array([own.mean(axis=0) for own in each])
    return bool((np.ptp(means, axis=0) > 1e-9 * np.abs(means).max(axis=0)).any())


def further(others: Sequence[Found]) -> list[str]:
    """A summary of the runs that are not drawn."""
    known = [one.validation for one in others if one.validation]
    omitted = f"{counted(len(others), 'further run')} {are(len(others))} not drawn"
    if not known:
        return [f"{omitted}."] if others else []
    observed = [100 * validation.at_coverage.estimate for validation in known]
    gain = [100 * validation.gain.estimate for validation in known]
    informative = sum(validation.is_informative for validation in known)
    return [
        f"{omitted} (`python -m saibench trust` prints all): "
        f"observed coverage {min(observed):.1f} to {max(observed):.1f} %, bounds "
        f"{minus(f'{min(gain):.1f} to {max(gain):.1f}')} % narrower than without the feature, "
        f"significantly (95 %) for {informative} of {len(known)}."
    ]


def refusals(found: Sequence[Found], most: int = 3) -> list[str]:
    """The ranges that were refused, a sentence for each reason.

    Args:
        found: ranges.
        most: reasons; of more, only the first is named.
    """
    refused = [one for one in found if one.refused]
    labels: dict[str, list[str]] = {}
    for one in refused:
        labels.setdefault(one.refused, []).append(one.label)
    if len(labels) > most:
        names = "; ".join(one.label for one in refused)
        return [f"{len(refused)} runs have no range ({names}); the first: {refused[0].refused}"]
    return [
        f"{names[0]} has no range: {reason}"
        if len(names) == 1
        else f"{len(names)} runs have no range ({'; '.join(names)}): {reason}"
        for reason, names in labels.items()
    ]
