"""Results of tracing: numbers with intervals, and with p-values if they are tested."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saibench.analysis.bootstrap import Interval
from saibench.analysis.trusted_range.records import Quantity

FEATURE, MODEL_FEATURE = "feature", "model feature"


@dataclass(frozen=True)
class Tested:
    """A number with its interval and its test.

    Args:
        p: p-value, NaN if it could not be tested.
        q: p-value adjusted for the number of comparisons; NaN until then.
    """

    interval: Interval
    p: float
    q: float = math.nan

    def is_significant(self, level: float) -> bool:
        """Whether it is significant at this false discovery rate."""
        return self.q <= level


@dataclass(frozen=True)
class Range:
    """A fifth of the samples by a feature, or the samples of one of its few values.

    Args:
        low, high: of the feature.
        mean: error of these samples.
        share: of the sum of all errors.
        sample_ids: of the largest errors, at most 1,000, the largest first.
        count: number of samples.
    """

    low: float
    high: float
    mean: Interval
    share: Interval
    sample_ids: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Association:
    """How an error correlates with one feature.

    Args:
        feature: which.
        rho: Spearman's rank correlation.
        partial: the same, controlling for the other data features, and for the other features of
            the model if it is one of them; None if there is no other.
        share: of the variance of the error's rank that the feature explains; that of a feature of
            the model is beyond what the data features explain.
        ranges: of the feature, ascending.
        of_model: whether the feature comes from the model.
    """

    feature: Quantity
    rho: Tested
    partial: Tested | None
    share: Interval
    ranges: tuple[Range, ...]
    of_model: bool = False

    @property
    def kind(self) -> str:
        """`FEATURE` of the data, or `MODEL_FEATURE`."""
        return MODEL_FEATURE if self.of_model else FEATURE

    @property
    def worst(self) -> Range:
        """The range of the largest mean error."""
        return max(self.ranges, key=lambda one: one.mean.estimate)


@dataclass(frozen=True)
class Component:
    """The contribution of one component of the samples to the error.

    Args:
        of: the axis or feature: `lead`, `label`, `split`.
        name: which of it: `O`, `60 to 120`.
        share: of the sum of all errors.
        size: its share of the atoms or samples that errors are averaged over.
        counted: unit of the size: `atoms`, `samples`.
        relative: its mean error over that of all samples, tested against 1.
    """

    of: str
    name: str
    share: Interval
    size: float
    counted: str
    relative: Tested


@dataclass(frozen=True)
class Part:
    """The contribution of one cause to the error, if the truth of the others is known.

    Args:
        name: such as `motion`.
        alone: error that this cause would make alone.
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
    """Neighbouring samples whose mean signed error differs from that of their neighbours.

    Args:
        low, high: of the feature that orders the samples.
        mean: signed error.
        elsewhere: signed error of all other samples.
        change: difference of the two, with the largest p-value of the stretch's change points.
        share_of_error: of the sum of absolute errors.
        share_of_bias: of the sum of signed errors; None if that may be 0.
        contrasts: of the other features, the largest first.
        sample_ids: of the first, at most 10,000.
        count: number of samples.
        ids: their smallest and largest id.
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
    count: int
    ids: tuple[int, int]


@dataclass(frozen=True)
class BiasTrace:
    """The signed error of one run along a feature.

    Args:
        statistic: the signed error.
        along: the feature that orders the samples.
        mean: signed error of all samples.
        bias: the same, tested against 0.
        share: |mean| as a share of the mean absolute error.
        first: the change of the largest contrast, significant or not.
        stretches: in order, between change points that are significant among all comparisons of
            the run; empty if there are none.
    """

    statistic: Quantity
    along: Quantity
    mean: Interval
    bias: Tested
    share: Interval
    first: Tested
    stretches: tuple[Stretch, ...]

    def biased(self, level: float) -> list[Stretch]:
        """Stretches with a significant change whose signed error is above both 0 and that of the
        other samples, or below both (95 % intervals).
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
    """Features, components and causes of one error of one run.

    Args:
        response: the error.
        mean: over the samples.
        timed: whether the blocks are stretches of time.
        associations: with data features, then with features of the model; the largest share first.
        together: share of the variance of the error's rank that all features explain.
        components: of all axes and classes.
        parts: of the causes, if their truth is known.
        notes: sentences about excluded samples and features.
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
    """The traces of one run; `refused` has the reasons for missing ones."""

    point: str
    slug: str
    label: str
    partition: str
    responses: tuple[ResponseTrace, ...]
    bias: BiasTrace | None
    refused: tuple[str, ...]
