"""What a learning curve, its law and its check say in plain sentences."""

from __future__ import annotations

import math

from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.learning_curve.data_needed import (
    ANSWERED,
    BEYOND,
    NEVER,
    DataNeeded,
)
from saibench.analysis.learning_curve.extrapolation import Extrapolation
from saibench.analysis.learning_curve.prediction import Check, Predicted
from saibench.formatting import bracketed, fixed, joined, number

FIGURES = 3


def curve_sentence(curve: LearningCurve) -> str:
    """What was measured."""
    trainings = sum(map(len, curve.trainings))
    several = f" ({trainings} trainings)" if trainings > len(curve.sizes) else ""
    errors = ", ".join(
        f"{bracketed(error, curve.statistic.unit)} at {count(size)}"
        for size, error in zip(curve.sizes, curve.intervals(), strict=True)
    )
    return (
        f"{error_name(curve)} on {len(curve.values):,} samples of {curve.partition} in "
        f"{curve.num_blocks} blocks, by training set size{several}: {errors}."
    )


def law_sentence(found: Extrapolation) -> str:
    """Which law was chosen, and by what."""
    curve = found.curve
    withheld = [count(size) for size in curve.sizes[-found.withheld :]]
    others = ", ".join(
        f"{name} {100 * missed:.1f} %"
        for name, missed in found.misses.items()
        if name != found.law.name and math.isfinite(missed)
    )
    left_out = [name for name, missed in found.misses.items() if math.isinf(missed)]
    inadmissible = (
        f" {' and '.join(left_out)}: too many numbers for so few sizes." if left_out else ""
    )
    return (
        f"Law: {found.law.name}, {found.fitted.formula()}. From the smaller sizes it predicts "
        f"{joined(withheld)} within {100 * found.misses[found.law.name]:.1f} % ({others}); "
        f"{100 * found.support():.0f} % of the resamplings choose it too.{inadmissible} Another "
        f"training would differ by {100 * found.noise.relative:.1f} % (from {found.noise.origin})."
    )


def seeds_sentence(curve: LearningCurve) -> str:
    """What intervals know of other trainings."""
    if curve.seeds > 1:
        return (
            "Intervals cover other test samples and, of sizes with several seeds, other trainings."
        )
    return (
        "Every size was trained with one seed: errors, law and verdicts are of these trained nets "
        "alone."
    )


def check_sentence(check: Check | None, curve: LearningCurve) -> str:
    """Predicted against seen, of sizes that neither chose nor fitted the law."""
    if check is None:
        return (
            f"Not checked: with {len(curve.sizes)} sizes the law was chosen by the largest itself; "
            "5 sizes would leave one that it was not chosen by."
        )
    told = "; ".join(_predicted(one, curve) for one in check.predictions)
    verdict = (
        "wrong beyond doubt"
        if check.misses
        else "right within a quarter"
        if check.agrees
        else "inconclusive, since the interval is wide"
    )
    return (
        f"Check: the law of the sizes up to {count(check.largest_fitted)} alone "
        f"({check.law.name}) predicts {told}: {verdict}."
    )


def needed_sentence(needed: DataNeeded, found: Extrapolation, target: float) -> str:
    """The data that a target takes, or why nothing is said."""
    curve = found.curve
    mean = "A mean" if curve.ideal else "A"  # of 0 and 1
    goal = f"{mean} {curve.statistic.name} of {number(target)} {curve.statistic.unit}".rstrip()
    largest = float(curve.sizes[-1])
    if needed.verdict == ANSWERED:
        times = needed.size.estimate / largest
        where = (
            f"{times:.2g} times the largest training set" if times > 1 else "among the sizes seen"
        )
        return f"{goal} takes {_size_interval(needed)} training samples, {where}.{_never(needed)}"
    at_least = (
        f" At least {count(needed.size.low)} are needed."
        if math.isfinite(needed.size.low) and needed.size.low > 1
        else ""
    )
    if needed.verdict == NEVER:
        limit = found.limit()
        ends = f"the law ends at {bracketed(limit, curve.statistic.unit)}, "
        ends += "above it" if limit.estimate > needed.error else "which it nears for ever"
        return (
            f"{goal} is refused: {ends}, so that "
            f"no number of such samples, trained alike, is expected to reach it.{at_least}"
        )
    if needed.verdict == BEYOND:
        return (
            f"{goal} is refused: it lies beyond {needed.reach:g} times the largest training set, "
            f"{count(needed.reach * largest)}, where no size has tested the law.{at_least}"
        )
    return f"{goal} is reached with the smallest training set, {count(curve.sizes[0])}, already."


def count(size: float) -> str:
    """A number of samples, to three digits beyond a thousand where it is not whole."""
    if size == round(size) or size < 1000:
        return f"{size:,.0f}"
    digits = math.floor(math.log10(size)) - (FIGURES - 1)
    return f"{round(size, -digits):,.0f}"


def error_name(curve: LearningCurve) -> str:
    """The statistic, or the distance from its ideal value, with its unit."""
    statistic = curve.statistic
    name = statistic.name if not curve.ideal else f"{curve.ideal:g} − {statistic.name}"
    return f"{name} [{statistic.unit}]" if statistic.unit else name


def _predicted(one: Predicted, curve: LearningCurve) -> str:
    ratio, unit = one.ratio, curve.statistic.unit
    return (
        f"{bracketed(one.expected, unit)} at {count(one.size)}, seen {bracketed(one.seen, unit)}, "
        f"{fixed(ratio)} times as much"
    )


def _size_interval(needed: DataNeeded) -> str:
    if math.isinf(needed.size.high):
        return f"{count(needed.size.estimate)} [{count(needed.size.low)}, no upper bound]"
    low, high = count(needed.size.low), count(needed.size.high)
    return f"{count(needed.size.estimate)} [{low}, {high}]"


def _never(needed: DataNeeded) -> str:
    if not needed.never:
        return ""
    share = f"{100 * needed.never:.0f}" if needed.never >= 0.01 else "under 1"
    return f" In {share} % of the resamplings no number would do."
