"""Stretches in which the signed error of a point is biased, and how their samples differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import (
    Floats,
    Interval,
    block_bootstrap,
    block_bootstraps,
    contiguous_blocks,
    group_means,
)
from saibench.analysis.checks import refuse_failed
from saibench.analysis.tracing.change_points import Segments, segments
from saibench.analysis.tracing.columns import (
    DIFFERENCE,
    Column,
    column_of,
    data_features,
    feature_along,
    rows_of_point,
)
from saibench.analysis.tracing.comparisons import adjusted
from saibench.analysis.tracing.reading import (
    MIN_SAMPLES,
    Untraceable,
    not_collinear,
)
from saibench.analysis.tracing.records import (
    BiasTrace,
    Contrast,
    ResponseTrace,
    Stretch,
    Tested,
)
from saibench.analysis.trusted_range.records import Quantity
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import are, counted

BLOCKS_OF_STRETCH = 5
"""A stretch shorter than so many blocks is cut into so many, or its interval would rest on less."""
INDEPENDENT_BLOCKS = 200
CLEAR_BIAS = 1 / 3
"""Shares of the bias are told where at least so much of it is sure: else they are of nothing."""
MIN_P = 1e-9
"""The p-value of a mean signed error is not resolved below it."""


def trace_bias(
    evidence: StudyEvidence,
    point: str,
    partition: str,
    statistic: str,
    along: str,
    level: float = 0.05,
    beside: Sequence[ResponseTrace] = (),
) -> BiasTrace:
    """Change points of the signed error in order of time, or of a feature of independent samples.

    The series is cut only where the change holds over all comparisons of the point.

    Args:
        evidence: the study.
        point: its hash.
        partition: one that it was tested on.
        statistic: signed: `energy_error`, or a difference as `score - label`.
        along: the feature.
        level: of the search for change points, and false discovery rate of those that are kept.
        beside: the point's other traces, whose comparisons count.

    Raises:
        Untraceable: there are too few samples, or they have no order but time.
        UserError: a name is unknown.
    """
    rows, error, order = _in_order(evidence, point, partition, statistic, along)
    values, position = error.values, order.values
    if np.all(values >= 0) and not _is_signed(evidence, point, statistic):
        raise Untraceable(
            f"{statistic} is nowhere negative, so it may be no signed error. Use a difference, "
            "such as 'predicted_rate - observed_rate'."
        )
    blocks = find_blocks(rows, values)
    remembers = bool(np.array_equal(blocks.order, np.arange(len(values)))) and blocks.correlated
    if blocks.correlated and not remembers:
        raise Untraceable(
            f"neighbouring samples ({blocks.kind}) resemble each other, so chance and bias along "
            f"{along} cannot be told apart. Use --along with the time of the samples, where their "
            "data declare one."
        )
    cut = segments(values, remembers=remembers, level=level)
    mean = blocks.mean(values)
    whole = BiasTrace(
        statistic=error.quantity,
        along=order.quantity,
        mean=mean,
        bias=Tested(mean, _p_of_mean(values, blocks.labels)),
        share=block_bootstrap(
            np.stack([values, np.abs(values)], axis=1), blocks.labels, _share_of_bias, of_means=True
        ),
        first=Tested(_step(values, cut), cut.first.p),
        stretches=(),
    )
    for kept in cut.surer():
        stretches = _stretches(evidence, rows, values, position, kept, along)
        found = replace(whole, stretches=stretches)
        told = adjusted([*beside, found])[-1]
        assert isinstance(told, BiasTrace)
        if all(one.change.is_significant(level) for one in told.stretches):
            break
    return found


def _p_of_mean(values: Floats, labels: np.ndarray) -> float:
    """The smallest level of error at which the interval of the mean excludes 0; NaN without one."""

    def excludes_zero(p: float) -> bool:
        found = block_bootstrap(values, labels, level=1 - p)
        return found.low > 0 or found.high < 0

    if math.isnan(block_bootstrap(values, labels).low):
        return math.nan
    low, high = math.log(MIN_P), 0.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if excludes_zero(math.exp(middle)) else (middle, high)
    return math.exp(high)


def _is_signed(evidence: StudyEvidence, point: str, statistic: str) -> bool:
    """Whether it is a difference, or the workload declares it as a signed error."""
    declared = evidence.records[point].get("trace") or {}
    return DIFFERENCE in statistic or statistic == declared.get("bias")


def _share_of_bias(values: Floats, weights: Floats) -> Floats:
    """|mean| over the mean of |error|: 1 where all errors have one sign, 0 where they cancel."""
    signed, absolute = (weights @ values).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(signed) / absolute


def signed_errors(
    evidence: StudyEvidence, point: str, partition: str, statistic: str, along: str
) -> tuple[Floats, Floats]:
    """The feature, ascending, and the signed error of each sample, `(N,)` each."""
    _, error, order = _in_order(evidence, point, partition, statistic, along)
    return order.values, error.values


def _in_order(
    evidence: StudyEvidence, point: str, partition: str, statistic: str, along: str
) -> tuple[polars.DataFrame, Column, Column]:
    rows, _ = rows_of_point(evidence, point, partition)
    error = column_of(evidence, rows, statistic)
    order = feature_along(evidence, rows, along)
    refuse_failed(error.values, statistic, partition, "its mean is no bias", Untraceable)
    defined = np.isfinite(error.values) & np.isfinite(order.values)
    if defined.sum() < MIN_SAMPLES:
        raise Untraceable(
            f"{counted(defined.sum(), 'sample')} of {partition} {are(defined.sum())} too few to "
            f"find where {statistic} is biased: at least {MIN_SAMPLES} would work."
        )
    chosen = np.flatnonzero(defined)
    chosen = chosen[np.argsort(order.values[chosen], kind="stable")]
    error = replace(error, values=error.values[chosen])
    return rows[chosen], error, replace(order, values=order.values[chosen])


def _stretches(
    evidence: StudyEvidence,
    rows: polars.DataFrame,
    values: Floats,
    position: Floats,
    cut: Segments,
    along: str,
) -> tuple[Stretch, ...]:
    if len(cut.bounds) < 3:
        return ()
    ordering = (along, *evidence.order_columns)
    names = [name for name in data_features(evidence, rows) if name not in ordering]
    columns = [column_of(evidence, rows, name) for name in names]
    columns = [one for one in columns if np.isfinite(one.values).all() and np.ptp(one.values) > 0]
    kept = (
        not_collinear(np.stack([one.values for one in columns], axis=1), columns)[0]
        if columns
        else []
    )
    features = {columns[number].quantity: columns[number].values for number in kept}
    ids = rows["sample_id"].to_numpy()
    found = []
    for number, (start, stop) in enumerate(pairwise(cut.bounds)):
        inside = np.zeros(len(values), dtype=bool)
        inside[start:stop] = True
        of_bounds = cut.p[max(0, number - 1) : number + 1]
        of_error, of_bias = _carried(values, inside, cut.block)
        found.append(
            Stretch(
                low=float(position[start]),
                high=float(position[stop - 1]),
                mean=_mean(values[inside], cut.block),
                elsewhere=_mean(values[~inside], cut.block),
                change=Tested(_difference(values, inside, cut.block), max(of_bounds)),
                share_of_error=of_error,
                share_of_bias=of_bias,
                contrasts=_contrasts(features, inside, cut.block),
                sample_ids=tuple(int(one) for one in ids[inside]),
            )
        )
    return tuple(found)


def _mean(values: Floats, block: int) -> Interval:
    """With an interval from resampling blocks of neighbours, five at least."""
    few = min(BLOCKS_OF_STRETCH, len(values))
    num_blocks = min(INDEPENDENT_BLOCKS, max(few, len(values) // block))
    return block_bootstrap(values, contiguous_blocks(np.arange(len(values)), num_blocks))


def _blocks(inside: np.ndarray, block: int) -> np.ndarray:
    """Blocks of neighbours, those inside and outside of the stretch apart."""
    labels = np.empty(len(inside), dtype=np.int64)
    first = 0
    for own in (inside, ~inside):
        count = int(own.sum())
        num_blocks = min(INDEPENDENT_BLOCKS, max(min(BLOCKS_OF_STRETCH, count), count // block))
        labels[own] = first + contiguous_blocks(np.arange(count), num_blocks)
        first += num_blocks
    return labels


def _difference(values: Floats, inside: np.ndarray, block: int) -> Interval:
    """Mean inside less mean outside."""
    return group_means(values, inside, _blocks(inside, block))[2]


def _step(values: Floats, cut: Segments) -> Interval:
    """The difference at the sharpest stretch; it was sought, so its interval is none."""
    inside = np.zeros(len(values), dtype=bool)
    inside[cut.first.start : cut.first.stop] = True
    if inside.all() or not inside.any():
        return Interval(math.nan, 0.0, math.nan, 0, len(values))
    return _difference(values, inside, cut.block)


def _carried(values: Floats, inside: np.ndarray, block: int) -> tuple[Interval, Interval | None]:
    """Shares of the absolute and of the signed error; None for the latter if that may be 0.

    How many samples are inside is not left to chance: means are resampled, not sums.
    """
    size, length = np.abs(values), inside.mean()
    columns = np.stack(
        [inside, ~inside, size * inside, size * ~inside, values * inside, values * ~inside], axis=1
    )

    def shares(values: Floats, weights: Floats) -> Floats:
        count, others, *sums = (weights @ values).T
        with np.errstate(invalid="ignore", divide="ignore"):
            own = [length * total / count for total in sums[::2]]
            rest = [(1 - length) * total / others for total in sums[1::2]]
            return np.stack([a / (a + b) for a, b in zip(own, rest, strict=True)], axis=1)

    of_error, of_bias = block_bootstraps(columns, _blocks(inside, block), shares, of_means=True)
    whole = _mean(values, block)
    surely = max(whole.low, -whole.high)
    return of_error, of_bias if surely >= CLEAR_BIAS * abs(whole.estimate) else None


def _contrasts(
    features: dict[Quantity, Floats], inside: np.ndarray, block: int
) -> tuple[Contrast, ...]:
    """How the features differ inside and outside, the most different first."""
    labels = _blocks(inside, block)
    found = []
    for quantity, values in features.items():
        apart = group_means(values, inside, labels, float(values.std()))
        found.append(Contrast(quantity, *apart))
    found.sort(key=lambda one: -abs(one.difference.estimate))
    return tuple(found)
