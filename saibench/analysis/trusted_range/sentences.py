"""What a trusted range, a check and a validation say in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.records import Check, Quantity
from saibench.analysis.trusted_range.tolerance import ToleranceInterval
from saibench.analysis.trusted_range.trusted_range import TrustedRange
from saibench.analysis.trusted_range.validation import Validation
from saibench.formatting import are, in_range, number, percent

NO_NARROWER = "which is no narrower within the interval"


def fit_sentence(trusted: TrustedRange) -> str:
    """What was fitted to what."""
    counts, model, source = trusted.counts, trusted.model, trusted.source
    names = " and ".join(
        f"{quantity.name} [{quantity.unit}]" if quantity.unit else quantity.name
        for quantity in trusted.features
    )
    left = [
        f"{count:,} {why} {are(count)} left out"
        for count, why in (
            (source.seen_in_training, "that the model was trained on"),
            (source.undefined, "with undefined values"),
        )
        if count
    ]
    often = f" in {counts.splits} splits" if counts.splits > 1 else ""
    undeclared = [one.name for one in trusted.features if not one.known and source.study]
    if undeclared:
        left.append(
            f"it is not declared whether {' and '.join(undeclared)} is known before the truth is"
        )
    return (
        f"{_named(trusted.statistic)} as a {model.mean.kind} function of {names}, fitted to "
        f"{counts.fitted_blocks} and calibrated on {counts.calibration_blocks} independent blocks"
        f"{often} of {counts.samples:,} samples{''.join(f'; {clause}' for clause in left)}."
    )


def tolerance_sentence(trusted: TrustedRange, held: ToleranceInterval) -> str:
    """Where the bound stays below the tolerance, or that it does nowhere."""
    name, statistic = held.feature, trusted.statistic

    def at(value: float) -> str:
        return in_range(value, held.low, held.high)

    limit = f"{held.tolerance:g} {statistic.unit}".rstrip()
    share = f"{100 * trusted.coverage:g} %"
    others = ", ".join(f"{other} = {number(value, 4)}" for other, value in held.at.items())
    where = f" at {others}" if others else ""
    fitted = f"fitted from {at(held.low)} to {at(held.high)}"
    if not held.intervals:
        return (
            f"{_verdict(held, 'Trusted nowhere')}: no {name} ({fitted}){where} keeps "
            f"{statistic.title} below {limit} for {share} of new samples; the lowest bound is "
            f"{number(held.lowest_bound, unit=statistic.unit)}, at {at(held.lowest_at)}"
            f"{_spread(held)}."
        )
    nearest = ""
    if held.intervals[0][0] > held.low and _is_distance(held.feature):
        nearest = (
            f" The nearest samples, from {at(held.low)} to {at(held.intervals[0][0])}, are not "
            "trusted although further ones are: so few blocks say nothing of their order."
        )
    spans = " and ".join(f"from {at(low)} to {at(high)}" for low, high in held.intervals)
    beyond = [
        f"{side} to {at(value)}"
        for side, value in (("down", held.below), ("up", held.above))
        if value is not None
    ]
    guess = (
        f" Beyond the data the widening bound stays below it {' and '.join(beyond)}, "
        "which no sample has tested."
        if beyond
        else ""
    )
    return (
        f"{_verdict(held, 'Trusted')} for {name} {spans} ({fitted}){where}: there the bound that "
        f"holds for {share} of new samples stays at or below {limit}{_spread(held)}."
        f"{nearest}{guess}"
    )


def _is_distance(feature: str) -> bool:
    """Whether a feature says how far a sample lies from the training partition."""
    return feature.rpartition("_")[2] in ("distance", "deviation")


def _verdict(held: ToleranceInterval, verdict: str) -> str:
    return f"Inconclusive, {verdict.lower()} by the median" if held.is_inconclusive else verdict


def _spread(held: ToleranceInterval) -> str:
    """In how many splits of the blocks the verdict is so, and how far their bounds differ."""
    count = len(held.lowest_bounds)
    if count < 2:
        return ""
    low, high = number(min(held.lowest_bounds)), number(max(held.lowest_bounds))
    return (
        f" (at some value in {held.trusted_splits} of {count} splits of the blocks; the lowest "
        f"bounds of the splits are {low} to {high})"
    )


def share_sentence(share: Interval) -> str:
    """How many of the samples the range is of, which its width alone does not say."""
    return f"{percent(share)} of the {share.count:,} samples have so low a bound."


def coverage_sentence(validation: Validation) -> str:
    """Observed against nominal coverage."""
    observed = validation.at_coverage
    agrees = (
        "the interval holds the nominal value"
        if validation.contains_nominal
        else "the bound is too low"
        if observed.high < validation.coverage
        else "the bound is wider than nominal, as so few blocks take to be sure of it: "
        f"{validation.calibration_blocks} to calibrate on may cover up to "
        f"{100 * validation.at_most:.1f} %"
        if observed.low <= validation.at_most
        else "the bound is wider than it need be"
    )
    return (
        f"On {validation.what}, {percent(observed)} of {observed.count:,} samples inside the "
        f"fitted range lie below their {100 * validation.coverage:g} % bound "
        f"({observed.num_blocks} blocks): {agrees}."
    )


def width_sentence(trusted: TrustedRange, validation: Validation) -> str:
    """The mean bound beside that without the feature, and whether the feature narrows it.

    All are of the samples of `coverage_sentence`, which stands before: those left out of the fits.
    """
    names = " and ".join(quantity.name for quantity in trusted.features)
    bound = number(validation.mean_bound, unit=trusted.statistic.unit)
    without = number(validation.unconditional, unit=trusted.statistic.unit)
    bounds = f"The mean bound of these samples is {bound}; without {names} it is {without}"
    gain = f"{percent(validation.gain)} narrower with it"
    if validation.is_informative:
        return f"{bounds}: {gain}."
    return f"{bounds}: {gain}, {NO_NARROWER}. `trace` tells whether the error correlates with it."


def check_sentences(
    trusted: TrustedRange, features: Mapping[str, float], tolerance: float | None
) -> list[str]:
    """What the range says of one sample."""
    found: Check = trusted.check(features)
    statistic = trusted.statistic
    given = ", ".join(f"{name} = {value:g}" for name, value in features.items())
    upper, unit = float(found.upper[0]), statistic.unit
    lines = [
        f"At {given} the expected {statistic.title} is "
        f"{number(float(found.expected[0]), unit=unit)}, and at most {number(upper, unit=unit)} "
        f"for {100 * trusted.coverage:g} % of new samples."
    ]
    for quantity, low, high in zip(trusted.features, trusted.low, trusted.high, strict=True):
        value = features[quantity.name]
        if not low <= value <= high:
            lines.append(
                f"{quantity.name} = {value:g} lies outside the fitted range from "
                f"{in_range(low, low, high)} to {in_range(high, low, high)}: the bound is widened "
                "and is a guess."
            )
    if tolerance is not None:
        inside = bool(found.inside[0]) and upper <= tolerance
        limit = f"{tolerance:g} {statistic.unit}".rstrip()
        verdict = "inside" if inside else "outside"
        lines.append(f"It is {verdict} the trusted range for a tolerance of {limit}.")
    return lines


def _named(quantity: Quantity) -> str:
    unit = f"{quantity.unit} per {quantity.per}" if quantity.unit and quantity.per else ""
    unit = unit or quantity.unit
    return f"{quantity.title} [{unit}]" if unit else quantity.title
