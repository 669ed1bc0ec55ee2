"""Traces in sentences, with numbers, intervals and samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from saibench.analysis.bootstrap import FEW_BLOCKS
from saibench.analysis.tracing.records import (
    Association,
    BiasTrace,
    Component,
    PointTrace,
    ResponseTrace,
    Stretch,
    Tested,
)
from saibench.analysis.trusted_range.records import Quantity
from saibench.formatting import by_width, counted, fixed, in_range, percent, probability

FEW_SAMPLES = 5
"""Samples that a sentence lists; the saved file has all."""
MAX_COMPONENTS = 3
CLEAR_CONTRAST = 0.5
"""Difference, in standard deviations, from which a feature of a stretch is reported."""


def response_sentences(trace: ResponseTrace, level: float) -> list[str]:
    """Everything found about one error."""
    return [
        heading(trace),
        *([together_sentence(trace)] if trace.together else []),
        *(association_sentence(trace, one) for one in significant(trace.associations, level)),
        *_not_significant(trace.associations, level),
        *component_sentences(trace, level),
        *([part_sentence(trace)] if trace.parts else []),
        *trace.notes,
    ]


def significant(associations: Sequence[Association], level: float) -> list[Association]:
    """Features whose rank correlation with the error is significant."""
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
    """The share of variance that all features explain, and each feature's part."""
    assert trace.together is not None
    of_data, of_model = (
        ", ".join(
            f"{one.feature.name} {percent(one.share)}"
            for one in trace.associations
            if one.of_model == of_model
        )
        for of_model in (False, True)
    )
    beyond = f"features of the model{' beyond these' if of_data else ''}: {of_model}"
    shares = "; ".join(filter(None, (of_data, beyond if of_model else "")))
    found, of = percent(trace.together), "of the variance of its rank in held-out blocks"
    if trace.together.low <= 0:
        return f"The features explain no significant share {of} ({found}): {shares}."
    return f"The features explain {found} {of}: {shares}."


def association_sentence(trace: ResponseTrace, one: Association) -> str:
    """How the error correlates with a feature, and where it is largest."""
    verb = "increases" if one.rho.interval.estimate > 0 else "decreases"
    name = f"{one.feature.name} (of the model)" if one.of_model else one.feature.name
    found = f"It {verb} with {name}: ρ = {fixed(one.rho.interval)}{_q(one.rho)}"
    if one.partial is not None and not math.isnan(one.partial.interval.estimate):
        partial = fixed(one.partial.interval)
        mixed = len({other.of_model for other in trace.associations}) > 1
        others = "other data features" if mixed and not one.of_model else "other features"
        found += f", {partial} controlling for the {others}{_q(one.partial)}"
    return f"{found}. {worst_sentence(trace, one)}"


def worst_sentence(trace: ResponseTrace, one: Association) -> str:
    """The range of the feature with the largest error, and its samples."""
    worst = one.worst
    low, high = one.ranges[0].low, one.ranges[-1].high
    ends = [in_range(end, low, high) for end in (worst.low, worst.high)]
    within = f"= {ends[0]}" if worst.low == worst.high else f"from {ends[0]} to {ends[1]}"
    where = f"{one.feature.name} {within}"
    unit = f" {one.feature.unit}" if one.feature.unit else ""
    return (
        f"It is largest for {where}{unit}: {by_width(worst.mean, trace.response.unit)} in "
        f"{worst.count:,} samples, which contribute {percent(worst.share)} of it; "
        f"largest in {first_samples(worst.sample_ids)}."
    )


def _not_significant(associations: Sequence[Association], level: float) -> list[str]:
    names = [one.feature.name for one in associations if not one.rho.is_significant(level)]
    return [f"No significant rank correlation with {', '.join(names)}."] if names else []


def component_sentences(trace: ResponseTrace, level: float) -> list[str]:
    """The components of each kind that differ from the mean, the largest excess first."""
    found = []
    for of in dict.fromkeys(one.of for one in trace.components):
        own = [one for one in trace.components if one.of == of]
        few = [one.name for one in own if math.isnan(one.relative.p)]
        sure = [one for one in own if one.relative.is_significant(level)]
        sure.sort(key=lambda one: -abs(one.share.estimate - one.size))
        if not sure:
            found.append(f"No {of} differs significantly from the mean.")
        found += [component_sentence(trace, one) for one in sure[:MAX_COMPONENTS]]
        if few:
            found.append(f"Too few samples to test {of} {', '.join(few)}.")
    return found


def component_sentence(trace: ResponseTrace, one: Component) -> str:
    name = f"{one.of} {one.name}"
    return (
        f"{name} contributes {percent(one.share)} of {trace.response.name} with "
        f"{100 * one.size:.3g} % of the {one.counted}: {fixed(one.relative.interval)} "
        f"times the mean error{_q(one.relative)}."
    )


def part_sentence(trace: ResponseTrace) -> str:
    """The contribution of each cause, if its truth is known."""
    parts = "; ".join(
        f"{part.name} {percent(part.share)} ({by_width(part.alone, trace.response.unit)} alone)"
        for part in trace.parts
    )
    return f"Contributions to {trace.response.name} by cause, from the known truth: {parts}."


def bias_sentences(trace: BiasTrace, level: float) -> list[str]:
    """The bias of the signed error and the stretches in which it is significant."""
    quantity = trace.statistic
    opening = (
        f"{quantity.name}: {by_width(trace.mean, quantity.unit)} on average over "
        f"{trace.mean.count:,} samples"
    )
    if trace.bias.is_significant(level):
        opening += f", a bias that is {percent(trace.share)} of the mean absolute error"
    else:
        opening += ", not significantly different from 0"
    opening += _q(trace.bias)
    rests = _rests_on_few(trace, level)
    if not trace.stretches or not trace.first.is_significant(level):
        return [
            f"{opening}; no stretch of {trace.along.name} differs significantly from the others"
            f"{_q(trace.first)}.{rests}"
        ]
    changes = len(trace.stretches) - 1
    often = "once" if changes == 1 else f"{changes} times"
    found = [f"{opening}; its mean changes {often} along {trace.along.name}.{rests}"]
    biased = sorted(trace.biased(level), key=lambda one: -one.share_of_error.estimate)
    return found + [stretch_sentence(trace, one) for one in biased]


def _rests_on_few(trace: BiasTrace, level: float) -> str:
    """A caution if the bias of few blocks is significant (level: `few_blocks.md`)."""
    few = trace.mean.num_blocks
    if few >= FEW_BLOCKS or not trace.bias.is_significant(level):
        return ""
    return f" The bias rests on {counted(few, 'independent block')}: a longer test is surer."


def stretch_sentence(trace: BiasTrace, one: Stretch) -> str:
    """`Samples 8,701 to 8,790 (time 95.3 to 96.4 ps) are biased: −35 [−41, −29] meV …`"""
    quantity = trace.statistic
    low, high = trace.stretches[0].low, trace.stretches[-1].high
    unit = f" {trace.along.unit}" if trace.along.unit else ""
    along = f"{trace.along.name} {in_range(one.low, low, high)} to {in_range(one.high, low, high)}"
    named = f"Samples {one.ids[0]} to {one.ids[1]}" if _in_order_of_ids(trace) else "Samples"
    found = (
        f"{named} ({along}{unit}) are biased: {by_width(one.mean, quantity.unit)} against "
        f"{by_width(one.elsewhere, quantity.unit)} elsewhere{_q(one.change)}; these {one.count:,} "
        f"of {trace.mean.count:,} samples contribute {percent(one.share_of_error)} of the absolute "
        "error"
    )
    if one.share_of_bias is not None:
        found += f" and {percent(one.share_of_bias)} of the bias"
    for contrast in one.contrasts[:1]:
        apart = contrast.difference
        if abs(apart.estimate) >= CLEAR_CONTRAST and (apart.low > 0 or apart.high < 0):
            found += (
                f"; there {contrast.feature.name} is {by_width(contrast.inside)} against "
                f"{by_width(contrast.outside)}"
            )
    return f"{found}."


def _in_order_of_ids(trace: BiasTrace) -> bool:
    """Whether the ids of each stretch end before those of the next begin."""
    of_stretches = [one.ids for one in trace.stretches]
    return all(ids[1] < following[0] for ids, following in pairwise(of_stretches))


def comparisons_sentence(tests: Sequence[Tested], level: float) -> str:
    """How many comparisons were made, and how many are significant."""
    made = [one for one in tests if not math.isnan(one.p)]
    significant = sum(one.is_significant(level) for one in made)
    return (
        f"{significant} of {len(made)} comparisons are significant at a false "
        f"discovery rate of {100 * level:g} % (Benjamini and Hochberg, per run); p-values are "
        "from permutations that keep blocks together, Fisher's exact test, or intervals of means."
    )


def point_sentences(trace: PointTrace, level: float) -> list[str]:
    """Everything found about one run."""
    found = [line for one in trace.responses for line in response_sentences(one, level)]
    if trace.bias is not None:
        found += bias_sentences(trace.bias, level)
    return [*found, *(f"Not traced: {reason}" for reason in trace.refused)]


def first_samples(sample_ids: Sequence[int]) -> str:
    listed = ", ".join(str(one) for one in sample_ids[:FEW_SAMPLES])
    return f"samples {listed}" if len(sample_ids) > 1 else f"sample {listed}"


def _per(quantity: Quantity) -> str:
    return f" per {quantity.per}" if quantity.per else ""


def _q(tested: Tested) -> str:
    return "" if math.isnan(tested.q) else f" ({probability(tested.q, 'q')})"
