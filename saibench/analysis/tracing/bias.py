"""Stretches in which the signed error of a run is biased, and how their samples differ."""

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
from saibench.analysis.tracing.reading import MIN_SAMPLES, Untraceable, drop_collinear
from saibench.analysis.tracing.records import BiasTrace, Contrast, ResponseTrace, Stretch, Tested
from saibench.evidence.reader import StudyEvidence
from saibench.formatting import are, counted

BLOCKS_OF_STRETCH = 5
"""Minimum number of blocks into which a stretch is divided for its interval."""
INDEPENDENT_BLOCKS = 200
CLEAR_BIAS = 1 / 3
"""Shares of the bias are undefined if the interval's nearer bound is a smaller share of the bias:
their denominator may be 0."""
MAX_IDS = 10_000
"""Samples that a stretch lists."""
MIN_P = 1e-9
"""Smallest p-value of a mean signed error."""


def trace_bias(
    evidence: StudyEvidence,
    point: str,
    partition: str,
    statistic: str,
    along: str,
    level: float = 0.05,
    others: Sequence[ResponseTrace] = (),
) -> BiasTrace:
    """Change points of the signed error along time, or along a feature of independent samples.

    Only changes that are significant among all comparisons of the run are kept.

    Args:
        evidence: the study.
        point: hash of the run.
        partition: one that it was tested on.
        statistic: signed error: `energy_error`, or a difference such as `score - label`.
        along: the feature.
        level: of the search for change points, and false discovery rate of those that are kept.
        others: other traces of the run, whose comparisons are counted.

    Raises:
        Untraceable: there are too few samples, or they are correlated along another order.
        UserError: a name is unknown.
    """
    rows, error, order = _in_order(evidence, point, partition, statistic, along)
    values, position = error.values, order.values
    if np.all(values >= 0) and not _is_signed(evidence, point, statistic):
        raise Untraceable(
            f"{statistic} is nowhere negative, so it may not be a signed error. Use a difference, "
            "such as 'predicted_rate - observed_rate'."
        )
    blocks = find_blocks(rows, values)
    if blocks.correlated and not np.array_equal(blocks.order, np.arange(len(values))):
        raise Untraceable(
            f"Neighbouring samples ({blocks.kind}) are correlated, so a bias along {along} cannot "
            "be distinguished from chance. Use --along with the declared time of the samples."
        )
    cut = segments(values, correlated=blocks.correlated, level=level)
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
    for kept in cut.pruned():
        stretches = _stretches(evidence, rows, values, position, kept, along)
        found = replace(whole, stretches=stretches)
        with_q = adjusted([*others, found])[-1]
        assert isinstance(with_q, BiasTrace)
        if all(one.change.is_significant(level) for one in with_q.stretches):
            break
    return found


def _p_of_mean(values: Floats, labels: np.ndarray) -> float:
    """The smallest level at which the interval of the mean excludes 0; NaN without an interval."""

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
    """Whether a statistic is a difference, or the workload declares it as a signed error."""
    declared = evidence.records[point].get("trace") or {}
    return DIFFERENCE in statistic or statistic == declared.get("bias")


def _share_of_bias(values: Floats, weights: Floats) -> Floats:
    """|mean| over the mean of |error|: 1 if all errors have one sign, 0 if they cancel."""
    signed, absolute = (weights @ values).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(signed) / absolute


def signed_errors(
    evidence: StudyEvidence, point: str, partition: str, statistic: str, along: str
) -> tuple[Floats, Floats]:
    """The feature in ascending order, and the signed error of each sample, `(N,)` each."""
    _, error, order = _in_order(evidence, point, partition, statistic, along)
    return order.values, error.values


def _in_order(
    evidence: StudyEvidence, point: str, partition: str, statistic: str, along: str
) -> tuple[polars.DataFrame, Column, Column]:
    rows, _ = rows_of_point(evidence, point, partition)
    error = column_of(evidence, rows, statistic)
    order = feature_along(evidence, rows, along)
    refuse_failed(error.values, statistic, partition, "its bias is undefined", Untraceable)
    defined = np.isfinite(error.values) & np.isfinite(order.values)
    if defined.sum() < MIN_SAMPLES:
        raise Untraceable(
            f"{counted(defined.sum(), 'sample')} of {partition} {are(defined.sum())} too few to "
            f"find where {statistic} is biased. Use at least {MIN_SAMPLES}."
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
    features = {one.quantity: one.values for one in drop_collinear(columns, evidence)[0]}
    ids = rows["sample_id"].to_numpy()
    found = []
    places = np.arange(len(values))
    for number, (start, stop) in enumerate(pairwise(cut.bounds)):
        inside = (start <= places) & (places < stop)
        labels = _blocks(inside, cut.block)
        of_bounds = cut.p[max(0, number - 1) : number + 1]
        of_error, of_bias = _contributed(values, inside, cut.block)
        contrasts = [
            Contrast(quantity, *group_means(feature, inside, labels, float(feature.std())))
            for quantity, feature in features.items()
        ]
        found.append(
            Stretch(
                low=float(position[start]),
                high=float(position[stop - 1]),
                mean=_mean(values[inside], cut.block),
                elsewhere=_mean(values[~inside], cut.block),
                change=Tested(group_means(values, inside, labels)[2], max(of_bounds)),
                share_of_error=of_error,
                share_of_bias=of_bias,
                contrasts=tuple(sorted(contrasts, key=lambda one: -abs(one.difference.estimate))),
                sample_ids=tuple(ids[start:stop][:MAX_IDS].tolist()),
                count=stop - start,
                ids=(int(ids[start:stop].min()), int(ids[start:stop].max())),
            )
        )
    return tuple(found)


def _mean(values: Floats, block: int) -> Interval:
    """Mean with an interval from resampling at least five blocks of neighbours."""
    return block_bootstrap(values, _blocks(np.ones(len(values), dtype=bool), block))


def _blocks(inside: np.ndarray, block: int) -> np.ndarray:
    """Labels of blocks of neighbours, each either inside or outside of the stretch."""
    labels = np.empty(len(inside), dtype=np.int64)
    first = 0
    for own in (inside, ~inside):
        count = int(own.sum())
        num_blocks = min(INDEPENDENT_BLOCKS, max(min(BLOCKS_OF_STRETCH, count), count // block))
        labels[own] = first + contiguous_blocks(np.arange(count), num_blocks)
        first += num_blocks
    return labels


def _step(values: Floats, cut: Segments) -> Interval:
    """Mean difference at the stretch of the largest contrast."""
    inside = np.zeros(len(values), dtype=bool)
    inside[cut.first.start : cut.first.stop] = True
    if inside.all() or not inside.any():
        return Interval(math.nan, 0.0, math.nan, 0, len(values))
    return group_means(values, inside, _blocks(inside, cut.block))[2]


def _contributed(
    values: Floats, inside: np.ndarray, block: int
) -> tuple[Interval, Interval | None]:
    """Shares of the absolute and of the signed error; None for the latter if the bias may be 0.

    The number of samples inside is fixed: means are resampled, not sums.
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
    nearer = max(whole.low, -whole.high)
    return of_error, of_bias if nearer >= CLEAR_BIAS * abs(whole.estimate) else None
