"""Learning curves, their laws and checks in sentences."""

from __future__ import annotations

import math

from saibench.analysis.learning_curve.curve import LearningCurve
from saibench.analysis.learning_curve.data_needed import ANSWERED, BEYOND, NEVER, DataNeeded
from saibench.analysis.learning_curve.extrapolation import Extrapolation
from saibench.analysis.learning_curve.prediction import Check
from saibench.evidence.titles import titled
from saibench.formatting import bracketed, fixed, joined, number

FIGURES = 3


def curve_sentence(curve: LearningCurve) -> str:
    """The measured errors."""
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
    """The selected law and its errors on the held-out sizes."""
    curve = found.curve
    withheld = [count(size) for size in curve.sizes[-found.withheld :]]
    others = ", ".join(
        f"{name} {100 * missed:.1f} %"
        for name, missed in found.misses.items()
        if name != found.law.name and math.isfinite(missed)
    )
    excluded = [name for name, missed in found.misses.items() if math.isinf(missed)]
    too_many = (
        f" {' and '.join(excluded)}: too many parameters for so few sizes." if excluded else ""
    )
    return (
        f"Law: {found.law.name}, {found.fitted.formula()}. From the smaller sizes it predicts "
        f"{joined(withheld)} within {100 * found.misses[found.law.name]:.1f} % ({others}); "
        f"{100 * found.support():.0f} % of the resamplings select it too.{too_many} Trainings "
        f"differ by {100 * found.noise.relative:.1f} % (from {found.noise.origin})."
    )


def seeds_sentence(curve: LearningCurve) -> str:
    """Whether the intervals cover other trainings."""
    if curve.seeds > 1:
        return (
            "Intervals cover other test samples and, for sizes with several seeds, other trainings."
        )
    return (
        "Every size was trained with one seed: errors, law and verdicts are for these trained nets "
        "only."
    )


def check_sentence(check: Check | None, curve: LearningCurve) -> str:
    """Predicted and measured errors of sizes that were held out from selection and fit."""
    if check is None:
        return (
            f"Not checked: with {len(curve.sizes)} sizes the largest was used to select the law. "
            "Use at least 5 sizes."
        )
    unit = curve.statistic.unit
    predicted = "; ".join(
        f"{bracketed(one.expected, unit)} at {count(one.size)}, measured "
        f"{bracketed(one.measured, unit)}, {fixed(one.ratio)} times as much"
        for one in check.predictions
    )
    verdict = (
        "significantly wrong"
        if check.misses
        else "correct within 25 %"
        if check.agrees
        else "inconclusive, since the interval is wide"
    )
    return (
        f"Check: the law of the sizes up to {count(check.largest_fitted)} "
        f"({check.law.name}) predicts {predicted}: {verdict}."
    )


def needed_sentence(needed: DataNeeded, found: Extrapolation, target: float) -> str:
    """The number of training samples that a target needs, or why it is unknown."""
    curve = found.curve
    mean = "A mean" if curve.ideal else "A"  # of 0 and 1
    name, unit = titled(curve.statistic.name), curve.statistic.unit
    goal = f"{mean} {name} of {number(target)} {unit}".rstrip()
    largest = float(curve.sizes[-1])
    if needed.verdict == ANSWERED:
        times = needed.size.estimate / largest
        where = (
            f"{times:.2g} times the largest training set"
            if times > 1
            else "within the sizes tested"
        )
        high = count(needed.size.high) if needed.is_bounded else "no upper bound"
        size = f"{count(needed.size.estimate)} [{count(needed.size.low)}, {high}]"
        share = f"{100 * needed.never:.0f}" if needed.never >= 0.01 else "under 1"
        never = f" In {share} % of the resamplings no number reaches it." if needed.never else ""
        return f"{goal} needs {size} training samples, {where}.{never}"
    at_least = (
        f" At least {count(needed.size.low)} are needed."
        if math.isfinite(needed.size.low) and needed.size.low > 1
        else ""
    )
    if needed.verdict == NEVER:
        limit = found.limit()
        side = ", above it" if limit.estimate > needed.error else ", which no size reaches"
        return (
            f"{goal} is not expected for any number of training samples of this kind: the law has "
            f"the limit {bracketed(limit, curve.statistic.unit)}{side}.{at_least}"
        )
    if needed.verdict == BEYOND:
        return (
            f"{goal} needs more than {needed.reach:g} times the largest training set, "
            f"{count(needed.reach * largest)}, too far to extrapolate the law.{at_least}"
        )
    return f"{goal} is reached with the smallest training set, {count(curve.sizes[0])}."


def count(size: float) -> str:
    """A number of samples; to three digits if it is fractional and above a thousand."""
    if size == round(size) or size < 1000:
        return f"{size:,.0f}"
    digits = math.floor(math.log10(size)) - (FIGURES - 1)
    return f"{round(size, -digits):,.0f}"


def error_name(curve: LearningCurve) -> str:
    """The statistic in words, or the distance from its error-free value, with its unit."""
    statistic = curve.statistic
    title = titled(statistic.name)
    name = title if not curve.ideal else f"{curve.ideal:g} − {title}"
    return f"{name} [{statistic.unit}]" if statistic.unit else name
