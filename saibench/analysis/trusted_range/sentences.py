"""Sentences on a trusted range, its checks and its validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.edges import open_range
from saibench.analysis.trusted_range.tolerance import ToleranceInterval
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.validation import Validation
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.formatting import are, in_range, joined, number, percent


def fit_sentence(trusted: TrustedRange, evidence: StudyEvidence | None = None) -> str:
    """The fit: error, features, blocks and excluded samples.

    Args:
        trusted: the range.
        evidence: of the study, here and below for names in words.
    """
    counts, source = trusted.counts, trusted.source
    used = [one for one in trusted.features if one.name in trusted.chosen]
    names = joined([_with_unit(titled(one.name, evidence), one.unit) for one in used])
    notes = [
        f"{count:,} {why} {are(count)} excluded"
        for count, why in (
            (source.seen_in_training, "seen in training"),
            (source.undefined, "with undefined values"),
        )
        if count
    ]
    undeclared = [one.name for one in trusted.features if not one.known and source.study]
    if undeclared:
        verb = are(len(undeclared))
        notes.append(f"{joined(undeclared)} {verb} not declared to be known before the test")
    statistic = trusted.statistic
    per = f" per {statistic.per}" if statistic.unit and statistic.per else ""
    often = f" in {counts.splits} splits" if counts.splits > 1 else ""
    error = _with_unit(titled(statistic.title, evidence), statistic.unit + per)
    return (
        f"{error} as a function of {names} ({trusted.model.kind}), fitted to "
        f"{counts.fitted_blocks} and calibrated on {counts.calibration_blocks} "
        f"blocks{often} of {'; '.join([f'{counts.samples:,} samples', *notes])}."
    )


def tolerance_sentence(
    trusted: TrustedRange, found: ToleranceInterval, evidence: StudyEvidence | None = None
) -> str:
    """The values of a feature at which the bound is within the tolerance, if there are any."""
    name, statistic = titled(found.feature, evidence), trusted.statistic

    def at(value: float) -> str:
        return in_range(value, found.low, found.high)

    limit = f"{found.tolerance:g} {statistic.unit}".rstrip()
    share = f"{100 * trusted.coverage:g} %"
    others = ", ".join(
        f"{titled(other, evidence)} = {number(value, 4)}" for other, value in found.at.items()
    )
    where = f" at {others}" if others else ""
    fitted = f"fitted from {at(found.low)} to {at(found.high)}"
    if not found.intervals:
        return (
            f"{_verdict(found, 'Trusted nowhere')}: no {name} ({fitted}){where} keeps "
            f"{titled(statistic.title, evidence)} below {limit} for {share} of new samples; the "
            f"lowest bound is {number(found.lowest_bound, unit=statistic.unit)}, at "
            f"{at(found.lowest_at)}{_spread(found)}."
        )
    nearest = ""
    if found.intervals[0][0] > found.low and found.feature.rpartition("_")[2] in (
        "distance",
        "deviation",
    ):
        nearest = (
            f" The samples nearest to training, from {at(found.low)} to "
            f"{at(found.intervals[0][0])}, are not trusted although more distant ones are: the "
            "blocks are too few to resolve their order."
        )
    spans = " and ".join(f"from {at(low)} to {at(high)}" for low, high in found.intervals)
    beyond = [
        f"{side} to {at(value)}"
        for side, value in (("down", found.below), ("up", found.above))
        if value is not None
    ]
    if beyond:
        nearest += (
            f" Beyond the data the widening bound stays below it {' and '.join(beyond)}, "
            "which no sample has tested."
        )
    return (
        f"{_verdict(found, 'Trusted')} for {name} {spans} ({fitted}){where}: there the bound that "
        f"holds for {share} of new samples stays at or below {limit}{_spread(found)}.{nearest}"
    )


def _verdict(found: ToleranceInterval, verdict: str) -> str:
    return f"Inconclusive, {verdict.lower()} by the median" if found.is_inconclusive else verdict


def _spread(found: ToleranceInterval) -> str:
    """The number of splits of the blocks with this verdict, and the range of their bounds."""
    count = len(found.lowest_bounds)
    if count < 2:
        return ""
    low, high = number(min(found.lowest_bounds)), number(max(found.lowest_bounds))
    return (
        f" (at some value in {found.trusted_splits} of {count} splits of the blocks; the lowest "
        f"bounds of the splits are {low} to {high})"
    )


def coverage_sentence(validation: Validation) -> str:
    """Observed against nominal coverage."""
    observed = validation.at_coverage
    agrees = (
        "the interval contains the nominal value"
        if validation.contains_nominal
        else "the bound is too low"
        if observed.high < validation.coverage
        else "the bound is wider than nominal, as expected from few blocks: with "
        f"{validation.calibration_blocks} calibration blocks the coverage can be up to "
        f"{100 * validation.max_coverage:.1f} %"
        if observed.low <= validation.max_coverage
        else "the bound is wider than necessary"
    )
    return (
        f"On {validation.what}, {percent(observed)} of {observed.count:,} samples inside the "
        f"fitted range are below their {100 * validation.coverage:g} % bound "
        f"({observed.num_blocks} blocks): {agrees}."
    )


def width_sentence(
    trusted: TrustedRange, validation: Validation, evidence: StudyEvidence | None = None
) -> str:
    """The mean bound with and without the features, for the samples of `coverage_sentence`."""
    names = joined([titled(name, evidence) for name in trusted.chosen])
    bound, without = (
        number(value, unit=trusted.statistic.unit)
        for value in (validation.mean_bound, validation.unconditional)
    )
    gain = f"{width_change(validation.gain)} with {'it' if len(trusted.chosen) == 1 else 'them'}"
    if not validation.width_differs:
        gain += f", not significant. `trace` tests whether the error correlates with {names}"
    return (
        f"The mean bound of these samples is {bound}; without {names} it is {without}: {gain}. A "
        f"bound equal to each error would be {percent(validation.oracle_gain)} narrower."
    )


def width_change(gain: Interval) -> str:
    """`12.1 % [9.0, 15.2] narrower`, or `wider` for a gain below 0."""
    if gain.estimate >= 0:
        return f"{percent(gain)} narrower"
    wider = replace(gain, low=-gain.high, estimate=-gain.estimate, high=-gain.low)
    return f"{percent(wider)} wider"


def check_sentences(
    trusted: TrustedRange, features: Mapping[str, float], tolerance: float | None
) -> list[str]:
    """The range's answer for one sample."""
    found, statistic = trusted.check(features), trusted.statistic
    given = ", ".join(f"{name} = {value:g}" for name, value in features.items())
    upper, unit = float(found.upper[0]), statistic.unit
    lines = [
        f"At {given} the expected {titled(statistic.title)} is "
        f"{number(float(found.expected[0]), unit=unit)}, and at most {number(upper, unit=unit)} "
        f"for {100 * trusted.coverage:g} % of new samples."
    ]
    starts, ends = open_range(trusted.low, trusted.high, trusted.model.open_sides)
    ranges = zip(trusted.features, trusted.low, trusted.high, starts, ends, strict=True)
    for quantity, low, high, start, end in ranges:
        value = features[quantity.name]
        if not start <= value <= end:
            lines.append(
                f"{quantity.name} = {value:g} is outside the fitted range from "
                f"{in_range(low, low, high)} to {in_range(high, low, high)}: the bound is an "
                "extrapolation."
            )
    if tolerance is not None:
        verdict = "inside" if found.inside[0] and upper <= tolerance else "outside"
        limit = f"{tolerance:g} {unit}".rstrip()
        lines.append(f"It is {verdict} the trusted range for a tolerance of {limit}.")
    return lines


def _with_unit(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
