"""A trusted range in two sentences: where it holds, and what checked it."""

from __future__ import annotations

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.sentences import width_change
from saibench.analysis.trusted_range.study_ranges import Found
from saibench.analysis.trusted_range.tolerance import ToleranceInterval
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.validation import Validation
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import counted, in_range, joined, number, percent

MAX_NAMES = 3
"""Features of a bound that are named in words; more are counted."""


def short_sentences(found: Found, evidence: StudyEvidence, typed: bool = True) -> list[str]:
    """The answer and its check, or the reason why there is no range.

    Args:
        typed: as of `where_sentence`.
    """
    if found.trusted is None or found.samples is None:
        return [f"Refused: {found.refused}"]
    trusted = found.trusted
    where = where_sentence(trusted, found.share_trusted, evidence, typed)
    return [where, check_sentence(found)]


def where_sentence(
    trusted: TrustedRange,
    share: Interval | None,
    evidence: StudyEvidence | None = None,
    typed: bool = False,
) -> str:
    """The values of the feature at which the bound is within the tolerance.

    Args:
        trusted: the range.
        share: of the samples with a bound within the tolerance; None without a tolerance.
        evidence: of the study, for names in words.
        typed: whether the feature's column is named too, as a command needs it.
    """
    statistic, coverage = trusted.statistic, f"{100 * trusted.coverage:g} % of new samples"
    error = titled(statistic.title, evidence)
    if trusted.tolerance is None:
        bound = number(trusted.mean_bound, unit=statistic.unit)
        return f"No tolerance is set: {error} is at most {bound} on average for {coverage}."
    found = trusted.trusted()
    unit = next(one.unit for one in trusted.features if one.name == found.feature)

    def named(name: str) -> str:
        title = titled(name, evidence)
        return f"{title} ({name})" if typed and title != name else title

    feature = named(found.feature)
    limit = number(trusted.tolerance, unit=statistic.unit)
    opening = "Inconclusive, trusted" if found.is_inconclusive else "Trusted"
    whose = f" of {joined(trusted.source.partitions)}" if trusted.source.partitions else ""
    samples = "" if share is None else f"{percent(share)} of the samples{whose}"
    if len(trusted.chosen) > 1 and share is not None and (found.intervals or share.estimate > 0):
        names = joined([named(name) for name in trusted.chosen])
        if len(trusted.chosen) > MAX_NAMES:
            columns = f" ({joined(trusted.chosen)})" if typed else ""
            names = f"{len(trusted.chosen)} features{columns}"
        first = titled(found.feature, evidence) if found.feature in trusted.chosen else feature
        alone = spans(found, unit) if found.intervals else "nowhere"
        if share.estimate == 0:
            return (
                f"Trusted for no sample{whose}, by {names} together: their bound of {error} for "
                f"{coverage} is above {limit}, or a feature is outside its range. By {first} "
                f"alone: {alone}."
            )
        return (
            f"Trusted for {samples}, by {names} together: there {error} is at most {limit} for "
            f"{coverage}. By {first} alone: {alone}."
        )
    if not found.intervals:
        lowest = number(found.lowest_bound, unit=statistic.unit)
        at = in_range(found.lowest_at, found.low, found.high)
        return (
            f"{opening} nowhere: no {feature} keeps {error} below {limit} for {coverage}; the "
            f"lowest bound is {lowest}, at {at} {unit}".rstrip()
            + "."
        )
    of = f" ({samples})" if samples else ""
    return (
        f"{opening} for {feature} {spans(found, unit)}{of}: there {error} is at most {limit} for "
        f"{coverage}."
    )


def spans(found: ToleranceInterval, unit: str = "") -> str:
    """`up to 0.02 Å`, `from 0.1 on`, `from 0.1 to 0.2 and from 0.4 on`."""

    def at(value: float) -> str:
        return in_range(value, found.low, found.high)

    def span(low: float, high: float) -> str:
        if low <= found.low and high >= found.high:
            return f"in the whole fitted range, {at(low)} to {at(high)} {unit}".rstrip()
        if low <= found.low:
            return f"up to {at(high)} {unit}".rstrip()
        if high >= found.high:
            return f"from {at(low)} {unit}".rstrip() + " on"
        return f"from {at(low)} to {at(high)} {unit}".rstrip()

    return " and ".join(span(low, high) for low, high in found.intervals)


def check_sentence(found: Found) -> str:
    """The observed coverage, and the width of the bound with and without the feature."""
    validation = found.validation
    if validation is None:
        return f"Not validated: {found.unvalidated}"
    observed = validation.at_coverage
    verdict = "" if validation.contains_nominal else _off(validation)
    several = found.trusted is not None and len(found.trusted.chosen) > 1
    width = f"{width_change(validation.gain)} than without the feature{'s' if several else ''}"
    if not validation.width_differs:
        width += " (not significant)"
    parts = [
        f"{percent(observed)} of {observed.count:,} samples are below their "
        f"{100 * validation.coverage:g} % bound{verdict}"
    ]
    decision = validation.usefulness.decision
    if decision is not None and decision.recognised is not None:
        parts.append(f"{percent(decision.recognised)} of those within the tolerance are recognised")
    parts.append(f"the bounds are {width}")
    failing = len(validation.conditional.failing)
    if failing:
        parts.append(f"the coverage is too low in {counted(failing, 'part')} of the range")
    return f"On {validation.what}, {'; '.join(parts)}."


def _off(validation: Validation) -> str:
    below = validation.at_coverage.high < validation.coverage
    return ", fewer than nominal" if below else ", more than nominal"
