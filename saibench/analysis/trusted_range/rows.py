"""The rows of a study's evidence with an error and its features, as trusted ranges read them."""

from __future__ import annotations

from collections.abc import Sequence

import polars

from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError, closest
from saibench.evidence.known import training_side, with_known
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import AFTER, BEFORE, Field
from saibench.evidence.selection import with_windows
from saibench.evidence.statistic_rows import statistic_rows

KEYS = ["point", "partition", "sample_id"]
WINDOW_BOUND = "of the training window, as a fraction of the trajectory"
ERROR = "__error"


def default_partitions(evidence: StudyEvidence) -> list[str]:
    """The held-out partition, or the first tested one if no run was tested on it."""
    tested = [name for metrics in evidence.metrics.values() for name in metrics]
    return [evidence.held_out] if evidence.held_out in tested else tested[:1]


def known_features(evidence: StudyEvidence, table: str = "samples") -> list[str]:
    """Numeric columns that are known before the test, so that they can be features.

    These are data features, statistics of the prediction alone, positions on the table's axis, and
    settings of the runs. Keys of the rows are excluded.
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
    rows, of_point = evidence.points_and_fields
    after = {field.name for field in of_point if field.known == AFTER}
    of_points = [
        name
        for name, kind in with_windows(rows, evidence.training.window).schema.items()
        if kind.is_numeric() and name not in after
    ]
    return list(dict.fromkeys([*names, *of_points]))


def rows_of(
    evidence: StudyEvidence,
    statistic: str,
    features: Sequence[str],
    points: Sequence[str],
    partitions: Sequence[str],
    ideal: float = 0.0,
) -> tuple[str, Field, polars.DataFrame, tuple[Quantity, ...]]:
    """All samples of these runs and partitions, with `seen_in_training`.

    Returns:
        the table's name, the statistic's field, the rows with the features as floats and the
        distance of the statistic from `ideal` as `ERROR`, and the features' quantities.

    Raises:
        UserError: a name is unknown, or a feature is known only after the test.
    """
    table, field, rows = statistic_rows(evidence, statistic, ("statistic", "feature"))
    tested = rows["partition"].unique().to_list()
    for partition in partitions:
        if partition not in tested:
            raise UserError(f"no run was tested on '{partition}': {closest(partition, tested)}")
    chosen = [polars.col(name).is_in(list(values))
              for name, values in (("point", points), ("partition", partitions))]  # fmt: skip
    value = polars.col(field.name).cast(polars.Float64).fill_nan(None)
    rows = rows.filter(*chosen).with_columns((value - ideal).abs().alias(ERROR))
    samples = evidence.samples
    if table != "samples" and "seen_in_training" in samples.columns:
        rows = _joined(rows, samples.select(*KEYS, "seen_in_training"))
    if "seen_in_training" not in rows.columns:
        rows = rows.with_columns(seen_in_training=polars.lit(False))
    known = known_features(evidence, table)
    settings = with_windows(evidence.points, evidence.training.window)
    quantities = tuple(_feature(evidence, table, name) for name in features)
    for name, quantity in zip(features, quantities, strict=True):
        if name == field.name:
            raise UserError(
                f"'{name}' is the error that is to be bounded, so it cannot be a feature: "
                f"{closest(name, known)}"
            )
        if quantity.known == AFTER:
            raise UserError(
                f"'{name}' is known only after the test, so it cannot be a feature. "
                f"Valid values: {', '.join(known)}."
            )
        if name not in known:
            raise UserError(f"'{name}' is no feature of {evidence.study}: {closest(name, known)}")
        if name not in rows.columns:
            of_samples = name in samples.columns
            rows = _joined(
                rows, samples.select(*KEYS, name) if of_samples else settings.select("point", name)
            )
    floats = [polars.col(name).cast(polars.Float64).fill_nan(None) for name in features]
    return table, field, rows.with_columns(floats), quantities


def _joined(rows: polars.DataFrame, columns: polars.DataFrame) -> polars.DataFrame:
    """The rows with the last of these columns, by the others."""
    return rows.join(columns, on=columns.columns[:-1], how="left", maintain_order="left")


def _feature(evidence: StudyEvidence, table: str, name: str) -> Quantity:
    fields = [*evidence.fields(table), *evidence.fields("samples")]
    fields += evidence.points_and_fields[1]
    for field in map(with_known, fields):
        if field.name == name:
            return Quantity(
                name,
                field.unit,
                field.per,
                field.describe,
                known=field.known,
                training=training_side(field),
            )
    bound = name in ("window_start", "window_end")
    describe = f"{name.removeprefix('window_')} {WINDOW_BOUND}" if bound else ""
    return Quantity(name, describe=describe, known=BEFORE)  # a setting
