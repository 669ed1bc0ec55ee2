"""A study's evidence as errors, features and blocks that a trusted range is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.analysis.checks import refuse_failed
from saibench.analysis.trusted_range.records import Quantity, Source
from saibench.analysis.trusted_range.stretches import row_labels
from saibench.errors import UserError, closest
from saibench.evidence.known import known_system, with_known
from saibench.evidence.points import points_table
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import AFTER, BEFORE
from saibench.evidence.selection import short_names, with_windows
from saibench.evidence.statistic_rows import statistic_rows

KEYS = ("point", "partition", "sample_id")
WINDOW_BOUND = "of the training window, as a fraction of the trajectory"


@dataclass(frozen=True, eq=False)
class Measured:
    """Samples of a study; all arrays have one row a sample.

    Args:
        features: `(samples, features)`.
        errors: `(samples,)`, not negative.
        blocks: stretches of time, or groups of events; a sample that several points or lead
            times share is in one block.
        groups: number of the sample's point and partition in `group_names`.
        quantities: what the features are.
        statistic: what the errors are.
        source: where they come from.
        independent: whether the samples of a block are, so that it is only a bundle.
    """

    features: Floats
    errors: Floats
    blocks: NDArray[np.int64]
    groups: NDArray[np.int64]
    group_names: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    statistic: Quantity
    source: Source
    independent: bool = False


def measured(
    evidence: StudyEvidence,
    statistic: str,
    features: Sequence[str],
    *,
    points: Sequence[str],
    partitions: Sequence[str] | None = None,
    ideal: float = 0.0,
    mean_of: int = 1,
    num_blocks: int | None = None,
) -> Measured:
    """Read the errors of points on partitions, without samples that they were trained on.

    Args:
        evidence: the study.
        statistic: a column of the samples, or of an axis as `lead/mae`.
        features: columns of the same table or of the samples, or numeric settings of the points,
            such as `window_end` or `train_count`.
        points: hashes of the points that are taken together.
        partitions: by default the held-out one, or where no point was tested on it the first.
        ideal: the statistic's value where there is no error (1 for `correct`); the error is the
            distance from it.
        mean_of: errors are averaged over about so many samples of a block whose first feature is
            alike; for statistics that are 0 or 1. Without a time samples are independent, and so
            many that are alike are a block.
        num_blocks: by default as many as are independent (see `block_labels`).

    Raises:
        UserError: a name is unknown, or no sample is left.
    """
    partitions = default_partitions(evidence) if partitions is None else list(partitions)
    table, name, rows, quantities = rows_of(
        evidence, statistic, features, points, partitions, ideal
    )
    unseen = rows.filter(~polars.col("seen_in_training").fill_null(False))
    defined = unseen.drop_nulls([ERROR, *features])
    if defined.is_empty():
        raise UserError(
            f"{', '.join(partitions)} holds no sample of {statistic} that is defined, has "
            f"{', '.join(features)}, and was not trained on."
        )
    of_partitions = ", ".join(partitions)
    refuse_failed(defined[ERROR], statistic, of_partitions, "no bound holds")
    group = defined.select(polars.struct("point", "partition").rank("dense") - 1).to_series()
    blocks, independent = row_labels(defined, ERROR, num_blocks, features[0], mean_of)
    found = Measured(
        features=defined.select(features).to_numpy().astype(np.float64),
        errors=defined[ERROR].to_numpy(),
        blocks=blocks,
        groups=group.to_numpy().astype(np.int64),
        group_names=_group_names(evidence, defined),
        quantities=quantities,
        statistic=_statistic(evidence, table, name, statistic, ideal),
        source=Source(
            study=evidence.study,
            workload=str(evidence.records[points[0]].get("workload") or ""),
            data=str((evidence.records[points[0]].get("data") or {}).get("hash") or ""),
            points=tuple(points),
            partitions=tuple(partitions),
            seen_in_training=rows.height - unseen.height,
            undefined=unseen.height - defined.height,
            saibench=version("saibench"),
            system=system_of(evidence, points[0]),
        ),
        independent=independent,
    )
    return _averaged(found, mean_of) if mean_of > 1 else found


def system_of(evidence: StudyEvidence, point: str) -> str:
    """What a point's model is of, as its data name it; empty if they do not."""
    named = (evidence.records[point].get("data") or {}).get("system")
    return str(named or known_system(evidence, point))


def default_partitions(evidence: StudyEvidence) -> list[str]:
    """The held-out partition, or the first that a point was tested on instead."""
    tested = [name for metrics in evidence.metrics.values() for name in metrics]
    return [evidence.held_out] if evidence.held_out in tested else tested[:1]


def known_features(evidence: StudyEvidence, table: str = "samples") -> list[str]:
    """Numeric columns that can be features, which are known before the truth is: data features and
    statistics of the prediction alone, positions on the table's axis, settings and what is known
    of a point before its test. Keys of the rows are none: they number samples.
    """
    fields = {field.name: field for field in map(with_known, evidence.fields("samples"))}
    if table != "samples":
        fields |= {field.name: field for field in map(with_known, evidence.fields(table))}
    names = [
        field.name
        for field in fields.values()
        if (field.role in ("feature", "statistic") or field.name == table.removeprefix("by_"))
        and field.known != AFTER
        and field.dtype not in ("bool", "string")
    ]
    rows, of_point = points_table(evidence.records, evidence.metrics)
    after = {field.name for field in of_point if field.known == AFTER}
    of_points = [
        name
        for name, kind in with_windows(rows, evidence.training.window).schema.items()
        if kind.is_numeric() and name not in after
    ]
    return list(dict.fromkeys([*names, *of_points]))


ERROR = "__error"


def rows_of(
    evidence: StudyEvidence,
    statistic: str,
    features: Sequence[str],
    points: Sequence[str],
    partitions: Sequence[str],
    ideal: float = 0.0,
) -> tuple[str, str, polars.DataFrame, tuple[Quantity, ...]]:
    """The samples of these points and partitions, whether they were trained on or not.

    Returns:
        the table's name, the statistic's column in it, its rows with the features as floats and
        the distance of the statistic from `ideal` as `ERROR`, and what the features are.
    """
    table, name, rows = _rows(evidence, statistic, points, partitions, ideal)
    rows, quantities = _with_features(evidence, table, rows, name, features)
    return table, name, rows, quantities


def _rows(
    evidence: StudyEvidence,
    statistic: str,
    points: Sequence[str],
    partitions: Sequence[str],
    ideal: float,
) -> tuple[str, str, polars.DataFrame]:
    """The table's name, the statistic's column, and the rows with `ERROR`."""
    table, field, rows = statistic_rows(evidence, statistic, ("statistic", "feature"))
    tested = rows["partition"].unique().to_list()
    for partition in partitions:
        if partition not in tested:
            raise UserError(f"no point was tested on '{partition}': {closest(partition, tested)}")
    of_points = polars.col("point").is_in(list(points))
    rows = rows.filter(of_points & polars.col("partition").is_in(list(partitions)))
    value = polars.col(field.name).cast(polars.Float64).fill_nan(None)
    return table, field.name, rows.with_columns((value - ideal).abs().alias(ERROR))


def _with_features(
    evidence: StudyEvidence,
    table: str,
    rows: polars.DataFrame,
    statistic: str,
    features: Sequence[str],
) -> tuple[polars.DataFrame, tuple[Quantity, ...]]:
    """The rows with all features as floats, and what the features are."""
    points = with_windows(evidence.points, evidence.training.window)
    of_samples = evidence.samples
    if table != "samples" and "seen_in_training" in of_samples.columns:
        seen = of_samples.select(*KEYS, "seen_in_training")  # what was trained on is left out
        rows = rows.join(seen, on=list(KEYS), how="left", maintain_order="left")
    if "seen_in_training" not in rows.columns:
        rows = rows.with_columns(seen_in_training=polars.lit(False))
    known = known_features(evidence, table)
    for name in features:
        if name == statistic:
            raise UserError(
                f"'{name}' is the error that is to be bounded, and no feature that foretells it: "
                f"{closest(name, known)}"
            )
        if _feature(evidence, table, name).known == AFTER:
            raise UserError(
                f"'{name}' is known only after the test, with its truth, so no bound can follow it "
                f"in use. Valid values: {', '.join(known)}."
            )
        if name not in known:
            raise UserError(f"'{name}' is no feature of {evidence.study}: {closest(name, known)}")
        if name in rows.columns:
            continue
        if name in of_samples.columns:
            columns = of_samples.select(*KEYS, name)
            rows = rows.join(columns, on=list(KEYS), how="left", maintain_order="left")
        else:
            columns = points.select("point", name)
            rows = rows.join(columns, on="point", how="left", maintain_order="left")
    floats = [polars.col(name).cast(polars.Float64).fill_nan(None) for name in features]
    return rows.with_columns(floats), tuple(_feature(evidence, table, name) for name in features)


def _feature(evidence: StudyEvidence, table: str, name: str) -> Quantity:
    fields = [*evidence.fields(table), *evidence.fields("samples")]
    fields += points_table(evidence.records, evidence.metrics)[1]
    for field in map(with_known, fields):
        if field.name == name:
            return Quantity(name, field.unit, field.per, field.describe, known=field.known)
    bound = name in ("window_start", "window_end")
    describe = f"{name.removeprefix('window_')} {WINDOW_BOUND}" if bound else ""
    return Quantity(name, describe=describe, known=BEFORE)  # a setting


def _statistic(
    evidence: StudyEvidence, table: str, column: str, name: str, ideal: float
) -> Quantity:
    field = next(field for field in evidence.fields(table) if field.name == column)
    statistic = Quantity(name, field.unit, field.per, field.describe)
    return statistic.distance_from(ideal) if ideal else statistic


def _group_names(evidence: StudyEvidence, rows: polars.DataFrame) -> tuple[str, ...]:
    pairs = rows.select("point", "partition").unique().sort("point", "partition")
    several = pairs["partition"].n_unique() > 1
    short = short_names(evidence)
    return tuple(
        f"{short[point]} on {partition}" if several else short[point]
        for point, partition in pairs.iter_rows()
    )


def _averaged(single: Measured, mean_of: int) -> Measured:
    """Means over about `mean_of` samples of one group and block, alike in the first feature."""
    keys = single.features[:, 0], single.blocks, single.groups
    order = np.lexsort(keys)
    cells = np.stack([single.groups, single.blocks], axis=1)[order]
    starts = np.flatnonzero(np.any(np.diff(cells, axis=0, prepend=-1) != 0, axis=1))
    pieces = [
        piece
        for cell in np.split(order, starts[1:])
        for piece in np.array_split(cell, max(1, len(cell) // mean_of))
    ]
    first = np.array([piece[0] for piece in pieces])
    described = replace(
        single.statistic,
        describe=f"{single.statistic.describe}, mean over {mean_of} like samples",
        mean_of=mean_of,
    )
    return replace(
        single,
        features=np.array([single.features[piece].mean(axis=0) for piece in pieces]),
        errors=np.array([single.errors[piece].mean() for piece in pieces]),
        blocks=single.blocks[first],
        groups=single.groups[first],
        statistic=described,
    )
