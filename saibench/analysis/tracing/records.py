"""What tracing finds: each number with its interval, and where it is a claim with its p-value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.records import Quantity


@dataclass(frozen=True)
class Tested:
    """A number and how sure it is that it is not what chance would give.

    Args:
        p: p-value, NaN where it could not be tested.
        q: the same after the control of the number of comparisons; NaN until then.
    """

    interval: Interval
    p: float
    q: float = math.nan

    def is_significant(self, level: float) -> bool:
        """Whether it is a discovery at this false discovery rate."""
        return self.q <= level


@dataclass(frozen=True)
class Range:
    """A fifth of the samples by a feature, or those of one of its few values.

    Args:
        low, high: of the feature.
        mean: error of these samples.
        share: of the sum of all errors.
        sample_ids: largest error first.
    """

    low: float
    high: float
    mean: Interval
    share: Interval
    sample_ids: tuple[int, ...]


@dataclass(frozen=True)
class Association:
    """How an error goes with one feature.

    Args:
        feature: which.
        rho: Spearman's rank correlation.
        partial: the same with all other features held still; None of a feature that stands alone.
        share: of the variation of the error's rank that the feature explains.
        ranges: of the feature, ascending.
    """

    feature: Quantity
    rho: Tested
    partial: Tested | None
    share: Interval
    ranges: tuple[Range, ...]

    @property
    def worst(self) -> Range:
        """The range of the largest mean error."""
        return max(self.ranges, key=lambda one: one.mean.estimate)


@dataclass(frozen=True)
class Component:
    """What one named part of the samples carries of the error.

    Args:
        of: the axis or feature: `lead`, `label`, `split`.
        name: which of it: `O`, `60 to 120`.
        share: of the sum of all errors.
        size: its share of what errors are averaged over.
        counted: what that is: `atoms`, `samples`.
        relative: its mean error over that of all, tested against 1.
    """

    of: str
    name: str
    share: Interval
    size: float
    counted: str
    relative: Tested


@dataclass(frozen=True)
class Part:
    """What one cause carries of the error, where the truth of the others is known.

    Args:
        name: `motion`.
        alone: error that this cause alone would make.
        share: its Shapley value as a share of the whole error.
    """

    name: str
    alone: Interval
    share: Interval


@dataclass(frozen=True)
class Contrast:
    """A feature inside and outside of a stretch."""

    feature: Quantity
    inside: Interval
    outside: Interval
    difference: Interval
    """In standard deviations of the feature."""


@dataclass(frozen=True)
class Stretch:
    """Neighbouring samples in which the signed error has another mean than beside them.

    Args:
        low, high: of what the samples are in order of.
        mean: signed error.
        elsewhere: signed error of all other samples.
        change: of its change points, the least sure one, tested by permuting blocks.
        share_of_error: of the sum of absolute errors.
        share_of_bias: of the sum of signed errors; None where that may be 0.
        contrasts: of the other features, the largest first.
        sample_ids: in order.
    """

    low: float
    high: float
    mean: Interval
    elsewhere: Interval
    change: Tested
    share_of_error: Interval
    share_of_bias: Interval | None
    contrasts: tuple[Contrast, ...]
    sample_ids: tuple[int, ...]


@dataclass(frozen=True)
class BiasTrace:
    """The signed error of one point along a feature.

    Args:
        statistic: the signed error.
        along: what the samples are in order of.
        mean: signed error of all samples.
        bias: the same, tested against 0.
        share: of the mean absolute error, the absolute mean.
        first: the sharpest change of all, whether sure or not.
        stretches: between change points that are discoveries over all comparisons of the point,
            in order; none if there is no such.
    """

    statistic: Quantity
    along: Quantity
    mean: Interval
    bias: Tested
    share: Interval
    first: Tested
    stretches: tuple[Stretch, ...]

    def biased(self, level: float) -> list[Stretch]:
        """Stretches whose signed error is beyond doubt above 0 and above that of the others, or
        below both, where their change is a discovery at this false discovery rate.
        """
        return [
            one
            for one in self.stretches
            if one.change.is_significant(level)
            and (
                min(one.mean.low, one.change.interval.low) > 0
                or max(one.mean.high, one.change.interval.high) < 0
            )
        ]


@dataclass(frozen=True)
class ResponseTrace:
    """What one error of one point goes with.

    Args:
        response: the error.
        mean: over the samples.
        timed: whether the samples have a time, so that blocks are stretches of it.
        associations: the features', the largest share first.
        together: share of the variation of the error's rank that all features explain.
        components: of all axes and classes.
        parts: where the truth of the causes is known.
        notes: samples and features that are left out, in sentences.
    """

    response: Quantity
    mean: Interval
    timed: bool
    associations: tuple[Association, ...]
    together: Interval | None
    components: tuple[Component, ...]
    parts: tuple[Part, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PointTrace:
    """All that is traced of one point; `refused` says what its data cannot hold."""

    point: str
    slug: str
    label: str
    partition: str
    responses: tuple[ResponseTrace, ...]
    bias: BiasTrace | None
    refused: tuple[str, ...]
