"""A study's evidence as errors of samples, their features, blocks and components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.blocks import find_blocks
from saibench.analysis.bootstrap import Floats
from saibench.analysis.rank_correlation import ranks_of
from saibench.analysis.single_class import single_class
from saibench.analysis.tracing.columns import (
    Column,
    column_of,
    data_features,
    rows_of_point,
)
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError, closest
from saibench.evidence.independence import TIME
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import AFTER
from saibench.formatting import are, counted

MIN_SAMPLES = 20
MIN_BLOCKS = 6
"""Fewer independent samples or blocks say nothing of others."""
ALIKE = 0.95
"""Rank correlation from which two features are not told apart."""
MANY_UNDEFINED = 0.1
MAX_FEATURES = 10


class Untraceable(UserError):
    """The samples of a point do not hold what is asked of them; those of another may."""


@dataclass(frozen=True, eq=False)
class TracedSamples:
    """Samples of one point and partition, in the order in which neighbours may be similar.

    Args:
        response: what the errors are.
        errors: `(N,)`, not negative.
        sample_ids: `(N,)`.
        features: `(N, p)`.
        quantities: what the p features are.
        blocks: `(N,)` labels by the rule of `saibench.analysis.blocks`.
        correlated: whether samples of a block resemble each other.
        share: whether the errors are 0 or 1.
        piece: neighbours, of declared groups whole ones, that stay together in a permutation.
        groups: `(N,)` labels of declared groups; else None.
        timed: whether the blocks are stretches of time.
        rows: of the samples, in the same order.
        failures: samples left out whose error is infinite; with any, the error has no mean.
        notes: what is left out and why, in sentences.
    """

    response: Quantity
    errors: Floats
    sample_ids: NDArray[np.int64]
    features: Floats
    quantities: tuple[Quantity, ...]
    blocks: NDArray[np.int64]
    correlated: bool
    share: bool
    piece: int
    groups: NDArray[np.int64] | None
    timed: bool
    rows: polars.DataFrame
    failures: int
    notes: tuple[str, ...]

    @property
    def num_blocks(self) -> int:
        return len(np.unique(self.blocks))


def traced_samples(
    evidence: StudyEvidence,
    point: str,
    partition: str,
    response: str,
    features: Sequence[str] | None = None,
    ideal: float = 0.0,
) -> TracedSamples:
    """Read the errors of a point on a partition, without samples that it was trained on.

    Args:
        evidence: the study.
        point: its hash.
        partition: one that it was tested on.
        response: a statistic of the samples; with an axis, as `lead/mae`, its mean over the axis.
        features: columns as responses are named; all data features by default.
        ideal: the statistic's value where there is no error; the error is the distance from it.

    Raises:
        Untraceable: there are too few samples to say anything.
        UserError: a name is unknown.
    """
    rows, notes = rows_of_point(evidence, point, partition)
    alone = single_class(evidence, point, partition)
    notes = [*([alone] if alone else []), *notes]
    error = column_of(evidence, rows, response, ideal=ideal)
    chosen = data_features(evidence, rows) if features is None else list(features)
    columns = [column_of(evidence, rows, name) for name in chosen if name != response]
    columns, left_out = _usable(columns, explicit=features is not None)
    if not columns:
        raise Untraceable(
            f"{partition} has no feature that differs between samples; --feature would name one."
        )
    values, every = np.stack([column.values for column in columns], axis=1), range(len(columns))
    defined = np.isfinite(error.values) & np.isfinite(values).all(axis=1)
    failed = np.isposinf(error.values)
    failures, undefined = int(failed.sum()), int((~defined & ~failed).sum())
    if failures:
        notes.append(
            f"{failures:,} of {rows.height:,} samples failed: an infinite {response} has no mean; "
            "relations and shares are those of the others."
        )
    if undefined:
        notes.append(
            f"{counted(undefined, 'sample')} with undefined values {are(undefined)} left out."
        )
    rows, values = rows.filter(polars.Series(defined)), values[defined]
    errors = error.values[defined]
    if len(errors) < MIN_SAMPLES:
        raise Untraceable(
            f"{counted(len(errors), 'sample')} of {partition} {are(len(errors))} too few to trace "
            f"{response}: at least {MIN_SAMPLES} would work."
        )
    blocks = find_blocks(rows, errors)
    if blocks.num_blocks < MIN_BLOCKS:
        raise Untraceable(
            f"{len(errors):,} samples of {partition} fall into "
            f"{counted(blocks.num_blocks, 'independent block')}, too few to trace {response}: at "
            f"least {MIN_BLOCKS} would work."
        )
    kept, alike = not_collinear(values, columns) if features is None else (every, [])
    quantities = [column.quantity for column in columns]
    return TracedSamples(
        response=error.quantity,
        errors=errors[blocks.order],
        sample_ids=rows["sample_id"].to_numpy().astype(np.int64)[blocks.order],
        features=values[blocks.order][:, kept],
        quantities=tuple(quantities[number] for number in kept),
        blocks=blocks.labels[blocks.order],
        correlated=blocks.correlated,
        share=error.share,
        piece=blocks.piece,
        groups=None if blocks.groups is None else blocks.groups[blocks.order],
        timed=blocks.kind == TIME,
        rows=rows[blocks.order],
        failures=failures,
        notes=(*notes, *left_out, *alike, *_only_after([quantities[n] for n in kept])),
    )


def _only_after(quantities: Sequence[Quantity]) -> list[str]:
    """Which features can explain an error but not foretell it."""
    names = [one.name for one in quantities if one.known == AFTER]
    if not names:
        return []
    them = "it" if len(names) == 1 else "them"
    told = f"{', '.join(names)} {are(len(names))} known only after the truth is"
    return [f"{told}; trust cannot follow {them}."]


def traced_partition(evidence: StudyEvidence, point: str, partitions: Sequence[str] | None) -> str:
    """The partition on which a point is traced.

    Raises:
        UserError: the point was not tested on it.
    """
    tested = list(evidence.metrics[point])
    wanted = list(partitions or [evidence.held_out, *tested])
    found = next((name for name in wanted if name in tested), None)
    if found is None:
        raise UserError(f"no point was tested on '{wanted[0]}': {closest(wanted[0], tested)}")
    return found


def _usable(columns: list[Column], explicit: bool) -> tuple[list[Column], list[str]]:
    """Features that differ and are mostly defined; why others are left out."""
    kept, notes = [], []
    for column in columns:
        finite = np.isfinite(column.values)
        name = column.quantity.name
        if finite.any() and (~finite).mean() > MANY_UNDEFINED:
            share = f"{100 * (~finite).mean():.0f} %"
            notes.append(f"{name} is left out: it is undefined for {share} of the samples.")
        elif len(np.unique(column.values[finite])) > 1:
            kept.append(column)
        elif explicit:
            notes.append(f"{name} is left out: it is the same for all samples.")
    if not explicit and len(kept) > MAX_FEATURES:
        names = [column.quantity.name for column in kept[MAX_FEATURES:]]
        notes.append(
            f"{', '.join(names)} {are(len(names))} left out: at most {MAX_FEATURES} features share "
            "an error."
        )
        kept = kept[:MAX_FEATURES]
    return kept, notes


def not_collinear(values: Floats, columns: Sequence[Column]) -> tuple[list[int], list[str]]:
    """Which columns of `(N, p)` values are no near copies of earlier ones; the others, in words."""
    ranks = ranks_of(values)
    rho = ranks.T @ ranks
    kept: list[int] = []
    notes = []
    for number, column in enumerate(columns):
        near = [other for other in kept if abs(rho[number, other]) >= ALIKE]
        if not near:
            kept.append(number)
            continue
        like = f"{rho[number, near[0]]:.2f}".replace("-", "−")
        notes.append(
            f"{column.quantity.name} is not told apart from {columns[near[0]].quantity.name} "
            f"(ρ = {like})."
        )
    return kept, notes
