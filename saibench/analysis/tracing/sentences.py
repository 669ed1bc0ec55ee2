"""What was traced, in plain sentences with numbers, intervals and samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from saibench.analysis.tracing.records import (
    Association,
    BiasTrace,
    Component,
    Part,
    PointTrace,
    ResponseTrace,
    Stretch,
    Tested,
)
from saibench.analysis.trusted_range.records import Quantity
from saibench.formatting import by_width, counted, fixed, in_range, percent, probability

FEW_SAMPLES = 5
"""Samples that a sentence names; the saved file has all."""
TOLD_COMPONENTS = 3
CLEAR_CONTRAST = 0.5
"""Standard deviations from which a feature is said to differ in a stretch."""


def response_sentences(trace: ResponseTrace, level: float) -> list[str]:
    """All that is found of one error."""
    return [
        heading(trace),
        *([together_sentence(trace)] if trace.together else []),
        *(association_sentence(trace, one) for one in significant(trace.associations, level)),
        *_unheld(trace.associations, level),
        *component_sentences(trace, level),
        *([part_sentence(trace)] if trace.parts else []),
        *trace.notes,
    ]


def significant(associations: Sequence[Association], level: float) -> list[Association]:
    """Features with which the error's rank correlates significantly."""
    return [one for one in associations if one.rho.is_significant(level)]


def heading(trace: ResponseTrace) -> str:
    """`force_mae: 35.1 [33.9, 36.2] meV/Å per component, mean of 964 samples in 87 blocks.`"""
    of = "stretches of time" if trace.timed else "blocks"
    mean = by_width(trace.mean, trace.response.unit)
    return (
        f"{trace.response.name}: {mean}{_per(trace.response)}, mean "
        f"of {trace.mean.count:,} samples in {trace.mean.num_blocks} independent {of}."
    )


def together_sentence(trace: ResponseTrace) -> str:
    """The share that all features explain, and each one's."""
    assert trace.together is not None
    shares = ", ".join(f"{one.feature.name} {percent(one.share)}" for one in trace.associations)
    found, of = percent(trace.together), "of the variation of its rank in blocks that were not"
    if trace.together.low <= 0:
        return f"Its features explain nothing beyond doubt {of} fitted ({found}): {shares}."
    return f"Its features explain {found} {of} fitted: {shares}."


def association_sentence(trace: ResponseTrace, one: Association) -> str:
    """How the error correlates with a feature, and where it is largest."""
    verb = "rises" if one.rho.interval.estimate > 0 else "falls"
    relation = f"It {verb} with {one.feature.name}: ρ = {fixed(one.rho.interval)}{_sure(one.rho)}"
    still = ""
    if one.partial is not None and not math.isnan(one.partial.interval.estimate):
        still = f", {fixed(one.partial.interval)} controlling for the other features"
        still += _sure(one.partial)
    return f"{relation}{still}. {worst_sentence(trace, one)}"


def worst_sentence(trace: ResponseTrace, one: Association) -> str:
    """The range of the feature with the largest error, and its samples."""
    worst = one.worst
    low, high = one.ranges[0].low, one.ranges[-1].high
    if worst.low == worst.high:
        where = f"{one.feature.name} = {in_range(worst.low, low, high)}"
    else:
        where = (
            f"{one.feature.name} from {in_range(worst.low, low, high)} to "
            f"{in_range(worst.high, low, high)}"
        )
    unit = f" {one.feature.unit}" if one.feature.unit else ""
    return (
        f"It is largest for {where}{unit}: {by_width(worst.mean, trace.response.unit)} in "
        f"{len(worst.sample_ids):,} samples, which carry {percent(worst.share)} of it; most in "
        f"{first_samples(worst.sample_ids)}."
    )


def _unheld(associations: Sequence[Association], level: float) -> list[str]:
    kept = significant(associations, level)
    names = [one.feature.name for one in associations if one not in kept]
    if not names:
        return []
    return [f"No significant rank correlation with {', '.join(names)}."]


def component_sentences(trace: ResponseTrace, level: float) -> list[str]:
    """Of each kind, the components that err unlike the mean, the largest excess first."""
    found = []
    for of in dict.fromkeys(one.of for one in trace.components):
        own = [one for one in trace.components if one.of == of]
        few = [one.name for one in own if math.isnan(one.relative.p)]
        sure = [one for one in own if one.relative.is_significant(level)]
        sure.sort(key=lambda one: -abs(one.share.estimate - one.size))
        if not sure:
            found.append(f"No {of} errs unlike the mean beyond doubt.")
        found += [component_sentence(trace, one) for one in sure[:TOLD_COMPONENTS]]
        if few:
            found.append(f"Too few samples for a claim: {of} {', '.join(few)}.")
    return found


def component_sentence(trace: ResponseTrace, one: Component) -> str:
    name = f"{one.of} {one.name}"
    return (
        f"{name} carries {percent(one.share)} of {trace.response.name} with "
        f"{100 * one.size:.3g} % of the {one.counted}: {fixed(one.relative.interval)} "
        f"times the mean error{_sure(one.relative)}."
    )


def part_sentence(trace: ResponseTrace) -> str:
    """What each cause carries where the truth is known."""
    told = "; ".join(_part(part, trace.response) for part in trace.parts)
    return f"Of {trace.response.name}, as the truth is known, {told}."


def _part(part: Part, response: Quantity) -> str:
    return (
        f"{part.name} carries {percent(part.share)} ({by_width(part.alone, response.unit)} alone)"
    )


def bias_sentences(trace: BiasTrace, level: float) -> list[str]:
    """How far the signed error is biased, and where, or that it is nowhere significantly."""
    quantity = trace.statistic
    opening = (
        f"{quantity.name}: {by_width(trace.mean, quantity.unit)} on average over "
        f"{trace.mean.count:,} samples"
    )
    if trace.bias.is_significant(level):
        opening += f", a bias that is {percent(trace.share)} of the mean absolute error"
    else:
        opening += ", not significantly different from 0"
    opening += _sure(trace.bias)
    if not trace.stretches or not trace.first.is_significant(level):
        return [
            f"{opening}; no stretch of {trace.along.name} differs significantly from the others"
            f"{_sure(trace.first)}."
        ]
    changes = len(trace.stretches) - 1
    found = [f"{opening}; its mean changes {counted(changes, 'time')} along {trace.along.name}."]
    biased = sorted(trace.biased(level), key=lambda one: -one.share_of_error.estimate)
    return found + [stretch_sentence(trace, one) for one in biased]


def stretch_sentence(trace: BiasTrace, one: Stretch) -> str:
    """`Samples 8,701 to 8,790 (time 95.3 to 96.4 ps) are biased: −35 [−41, −29] meV …`"""
    quantity, count = trace.statistic, len(one.sample_ids)
    low, high = trace.stretches[0].low, trace.stretches[-1].high
    unit = f" {trace.along.unit}" if trace.along.unit else ""
    along = f"{trace.along.name} {in_range(one.low, low, high)} to {in_range(one.high, low, high)}"
    ids = one.sample_ids
    named = f"Samples {min(ids)} to {max(ids)}" if _in_order_of_ids(trace) else "Samples"
    told = (
        f"{named} ({along}{unit}) are biased: {by_width(one.mean, quantity.unit)} against "
        f"{by_width(one.elsewhere, quantity.unit)} elsewhere{_sure(one.change)}; these {count:,} "
        f"of {trace.mean.count:,} samples carry {percent(one.share_of_error)} of the absolute error"
    )
    if one.share_of_bias is not None:
        told += f" and {percent(one.share_of_bias)} of the bias"
    clear = [
        contrast
        for contrast in one.contrasts[:1]
        if abs(contrast.difference.estimate) >= CLEAR_CONTRAST
        and (contrast.difference.low > 0 or contrast.difference.high < 0)
    ]
    for contrast in clear:
        told += (
            f"; there {contrast.feature.name} is {by_width(contrast.inside)} against "
            f"{by_width(contrast.outside)}"
        )
    return f"{told}."


def _in_order_of_ids(trace: BiasTrace) -> bool:
    """Whether the ids of one stretch end before those of the next begin."""
    of_stretches = [one.sample_ids for one in trace.stretches]
    return all(max(ids) < min(following) for ids, following in pairwise(of_stretches))


def comparisons_sentence(tests: Sequence[Tested], level: float) -> str:
    """How many comparisons were made, and how many hold."""
    made = [one for one in tests if not math.isnan(one.p)]
    significant = sum(one.is_significant(level) for one in made)
    return (
        f"{significant} of {len(made)} comparisons are significant at a false "
        f"discovery rate of {100 * level:g} % (Benjamini and Hochberg, by point); p-values are "
        "from permutations that keep blocks together, Fisher's exact test, or intervals of means."
    )


def point_sentences(trace: PointTrace, level: float) -> list[str]:
    """All that is found of one point."""
    told = [line for one in trace.responses for line in response_sentences(one, level)]
    if trace.bias is not None:
        told += bias_sentences(trace.bias, level)
    return [*told, *(f"Not traced: {reason}" for reason in trace.refused)]


def first_samples(sample_ids: Sequence[int]) -> str:
    shown = ", ".join(str(one) for one in sample_ids[:FEW_SAMPLES])
    return f"samples {shown}" if len(sample_ids) > 1 else f"sample {shown}"


def _per(quantity: Quantity) -> str:
    return f" per {quantity.per}" if quantity.per else ""


def _sure(tested: Tested) -> str:
    return "" if math.isnan(tested.q) else f" ({probability(tested.q, 'q')})"
