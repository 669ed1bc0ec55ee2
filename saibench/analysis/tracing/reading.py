"""A study's evidence as errors of samples, their features, blocks and components."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    model_features,
    rows_of_point,
)
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError, closest
from saibench.evidence.independence import TIME
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import AFTER
from saibench.evidence.titles import titled
from saibench.formatting import are, counted

MIN_SAMPLES = 20
MIN_BLOCKS = 6
COLLINEAR = 0.95
"""Rank correlation from which two features are taken for one."""
MANY_UNDEFINED = 0.1
MAX_FEATURES = 10


class Untraceable(UserError):
    """The samples of one run are not enough for a trace; those of another run may be."""


@dataclass(frozen=True, eq=False)
class TracedSamples:
    """Samples of one run and partition, in the order in which neighbours may be correlated.

    Args:
        response: the error.
        errors: `(N,)`, not negative.
        sample_ids: `(N,)`.
        features: `(N, p)`, data features first.
        quantities: of the p features.
        num_data: number of data features; the others come from the model.
        blocks: `(N,)` labels of `saibench.analysis.blocks`.
        correlated: whether samples within a block are correlated.
        share: whether the errors are 0 or 1.
        piece: number of neighbours (declared groups, else samples) permuted together.
        groups: `(N,)` labels of declared groups; else None.
        timed: whether the blocks are stretches of time.
        rows: of the samples, in the same order.
        failures: number of excluded samples with infinite error; with any, the mean is undefined.
        notes: sentences about what was excluded.
    """

    response: Quantity
    errors: Floats
    sample_ids: NDArray[np.int64]
    features: Floats
    quantities: tuple[Quantity, ...]
    num_data: int
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
    """Read the errors of a run on a partition, without samples that it was trained on.

    Args:
        evidence: the study.
        point: hash of the run.
        partition: one that it was tested on.
        response: a statistic of the samples, or its mean over an axis, such as `lead/mae`.
        features: columns, named like responses; by default all data features, and those of the
            model that the workload lists.
        ideal: error-free value of the statistic; the error is the distance from it.

    Raises:
        Untraceable: there are too few samples or blocks, or `ideal` is infinite.
        UserError: a name is unknown.
    """
    rows, notes = rows_of_point(evidence, point, partition)
    named = titled(response, evidence)
    if math.isinf(ideal):
        raise Untraceable(
            f"{response} has no finite value without error (workload.trace.ideal), so it cannot be "
            "traced. Use another --response, or --ideal VALUE."
        )
    _refuse_few(rows.height, partition, named)
    warning = single_class(evidence, point, partition)
    notes = [*([warning] if warning else []), *notes]
    error = column_of(evidence, rows, response, ideal=ideal)
    if features is None:
        chosen = [*data_features(evidence, rows), *model_features(evidence, rows, point)]
    else:
        chosen = list(features)
    columns = [column_of(evidence, rows, name) for name in chosen if name != response]
    columns.sort(key=lambda column: column.of_model)
    columns, excluded = _usable(columns, evidence, explicit=features is not None)
    if features is None:
        columns, beyond = _limited(columns, evidence)
        excluded += beyond
    if not columns and response in (features or ()):
        raise Untraceable(f"{response} is the error itself. Name another with --feature.")
    if not columns:
        raise Untraceable(
            f"{partition} has no feature that varies between samples. Name one with --feature."
        )
    values = np.stack([column.values for column in columns], axis=1)
    defined = np.isfinite(error.values) & np.isfinite(values).all(axis=1)
    failed = np.isposinf(error.values)
    failures, undefined = int(failed.sum()), int((~defined & ~failed).sum())
    if failures:
        notes.append(
            f"{failures:,} of {rows.height:,} samples failed: their {named} is infinite and has "
            "no mean; correlations and contributions are those of the other samples."
        )
    if undefined:
        notes.append(
            f"{counted(undefined, 'sample')} with undefined values {are(undefined)} excluded."
        )
    rows, errors = rows.filter(polars.Series(defined)), error.values[defined]
    columns = [replace(column, values=column.values[defined]) for column in columns]
    _refuse_few(len(errors), partition, named)
    blocks = find_blocks(rows, errors)
    if blocks.num_blocks < MIN_BLOCKS:
        raise Untraceable(
            f"{len(errors):,} samples of {partition} make "
            f"{counted(blocks.num_blocks, 'independent block')}, too few to trace {named}. Use at "
            f"least {MIN_BLOCKS}: the drift of an error correlates by chance with any feature "
            "that drifts."
        )
    columns, collinear = drop_collinear(columns, evidence) if features is None else (columns, [])
    after = _only_after([one.quantity for one in columns], evidence)
    return TracedSamples(
        response=error.quantity,
        errors=errors[blocks.order],
        sample_ids=rows["sample_id"].to_numpy().astype(np.int64)[blocks.order],
        features=np.stack([column.values for column in columns], axis=1)[blocks.order],
        quantities=tuple(column.quantity for column in columns),
        num_data=sum(not column.of_model for column in columns),
        blocks=blocks.labels[blocks.order],
        correlated=blocks.correlated,
        share=error.share,
        piece=blocks.piece,
        groups=None if blocks.groups is None else blocks.groups[blocks.order],
        timed=blocks.kind == TIME,
        rows=rows[blocks.order],
        failures=failures,
        notes=(*notes, *excluded, *collinear, *after),
    )


def _refuse_few(count: int, partition: str, error: str) -> None:
    if count < MIN_SAMPLES:
        raise Untraceable(
            f"{counted(count, 'sample')} of {partition} {are(count)} too few to trace {error}. Use "
            f"at least {MIN_SAMPLES}."
        )


def _only_after(quantities: Sequence[Quantity], evidence: StudyEvidence) -> list[str]:
    """A note on features that can explain an error but not predict it."""
    names = [titled(one.name, evidence) for one in quantities if one.known == AFTER]
    if not names:
        return []
    return [
        f"{', '.join(names)} {are(len(names))} known only after the truth is, and cannot be used "
        "for a trusted range."
    ]


def traced_partition(evidence: StudyEvidence, point: str, partitions: Sequence[str] | None) -> str:
    """The partition on which a run is traced.

    Raises:
        UserError: the run was not tested on it.
    """
    tested = list(evidence.metrics[point])
    names = list(partitions or [evidence.held_out, *tested])
    found = next((name for name in names if name in tested), None)
    if found is None:
        raise UserError(f"No run was tested on '{names[0]}': {closest(names[0], tested)}")
    return found


def _usable(
    columns: list[Column], evidence: StudyEvidence, explicit: bool
) -> tuple[list[Column], list[str]]:
    """Features that vary and are mostly defined; notes on the excluded ones."""
    kept, notes = [], []
    for column in columns:
        finite = np.isfinite(column.values)
        name = titled(column.quantity.name, evidence)
        if finite.any() and (~finite).mean() > MANY_UNDEFINED:
            share = f"{100 * (~finite).mean():.0f} %"
            notes.append(f"{name} is excluded: it is undefined for {share} of the samples.")
        elif len(np.unique(column.values[finite])) > 1:
            kept.append(column)
        elif explicit:
            notes.append(f"{name} is excluded: it is constant.")
    return kept, notes


def _limited(columns: Sequence[Column], evidence: StudyEvidence) -> tuple[list[Column], list[str]]:
    """At most `MAX_FEATURES` of the data, then as many of the model; a note on the others."""
    of_data, of_model = (
        [column for column in columns if column.of_model == of_model] for of_model in (False, True)
    )
    kept = [*of_data[:MAX_FEATURES], *of_model[:MAX_FEATURES]]
    beyond = [*of_data[MAX_FEATURES:], *of_model[MAX_FEATURES:]]
    if not beyond:
        return kept, []
    names = ", ".join(titled(column.quantity.name, evidence) for column in beyond)
    return kept, [
        f"{names} {are(len(beyond))} excluded: at most {MAX_FEATURES} features of the data, and as "
        "many of the model, are traced."
    ]


def drop_collinear(
    columns: Sequence[Column], evidence: StudyEvidence
) -> tuple[list[Column], list[str]]:
    """The columns that are not collinear with earlier ones; notes on the others."""
    if not columns:
        return [], []
    ranks = ranks_of(np.stack([column.values for column in columns], axis=1))
    rho = ranks.T @ ranks
    kept: list[int] = []
    notes = []
    for number, column in enumerate(columns):
        near = [other for other in kept if abs(rho[number, other]) >= COLLINEAR]
        if not near:
            kept.append(number)
            continue
        correlation = f"{rho[number, near[0]]:.2f}".replace("-", "−")
        own, other = (titled(one.quantity.name, evidence) for one in (column, columns[near[0]]))
        notes.append(f"{own} is collinear with {other} (ρ = {correlation}).")
    return [columns[number] for number in kept], notes
