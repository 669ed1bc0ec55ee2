"""One value per sample: a column of the samples, or the mean over the axis of another table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars

from saibench.analysis.bootstrap import Floats
from saibench.analysis.tracing.components import Contributions
from saibench.analysis.trusted_range.records import Quantity
from saibench.errors import UserError, closest
from saibench.evidence.independence import ORDER_COLUMN
from saibench.evidence.known import is_binary, is_of_model, with_known
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field
from saibench.evidence.statistic_rows import statistic_rows
from saibench.evidence.stretches import complete
from saibench.formatting import are, counted

SEEN = "seen_in_training"
DIFFERENCE = " - "


@dataclass(frozen=True, eq=False)
class Column:
    """Values of the samples `(N,)`, NaN where undefined; `share` if they are 0 or 1.

    `of_model` if they come from the model, and are known before the truth.
    """

    quantity: Quantity
    values: Floats
    share: bool = False
    of_model: bool = False


def rows_of_point(
    evidence: StudyEvidence, point: str, partition: str
) -> tuple[polars.DataFrame, list[str]]:
    """The samples of a run on a partition, in order of the declared time, else of id.

    Samples that it was trained on are excluded, with a note.
    """
    rows = evidence.rows("samples", point, partition)
    if rows is None:
        rows = evidence.samples.clear()
    notes = []
    if SEEN in rows.columns:
        unseen = rows.filter(~polars.col(SEEN).fill_null(False))
        if unseen.height < rows.height:
            count = rows.height - unseen.height
            notes.append(
                f"{counted(count, 'sample')} that the model was trained on {are(count)} excluded."
            )
        rows = unseen
    order = ORDER_COLUMN if complete(rows, ORDER_COLUMN) else "sample_id"
    return rows.sort(order, "sample_id"), notes


def data_features(evidence: StudyEvidence, rows: polars.DataFrame) -> list[str]:
    """Names of the numeric data features of these samples."""
    return [
        field.name
        for field in evidence.fields("samples")
        if field.role == "feature"
        and field.name != SEEN
        and rows[field.name].dtype.is_numeric()
        and not rows[field.name].is_null().all()
    ]


def model_features(evidence: StudyEvidence, rows: polars.DataFrame, point: str) -> list[str]:
    """Names of the features of the model that the run's workload lists and the samples have."""
    listed = (evidence.records[point].get("trust") or {}).get("feature") or []
    fields = {field.name: field for field in evidence.fields("samples")}
    return [
        name
        for name in ([listed] if isinstance(listed, str) else listed)
        if name in fields
        and is_of_model(fields[name])
        and rows[name].dtype.is_numeric()
        and not rows[name].is_null().all()
    ]


def feature_along(evidence: StudyEvidence, rows: polars.DataFrame, name: str) -> Column:
    """The feature that orders the samples.

    Raises:
        UserError: there is no such column, or the name is empty.
    """
    if not name:
        features = ", ".join(data_features(evidence, rows))
        raise UserError(
            f"The data of {evidence.study} declare no time column along which a bias may change. "
            f"Use --along (workload.trace.along) with a feature: {features}."
        )
    return column_of(evidence, rows, name)


def column_of(
    evidence: StudyEvidence, rows: polars.DataFrame, name: str, ideal: float | None = None
) -> Column:
    """`force_mae`, `lead/mae`, or the difference of two columns, such as `score - label`.

    Args:
        evidence: the study.
        rows: the samples of one run and partition.
        name: with an axis, the mean over it, weighted as declared (atoms of a species).
        ideal: if given, values are distances from it.

    Raises:
        UserError: there is no such column.
    """
    if DIFFERENCE in name:
        first, second = (column_of(evidence, rows, part) for part in name.split(DIFFERENCE, 1))
        quantity = Quantity(
            name,
            first.quantity.unit,
            first.quantity.per,
            f"{first.quantity.describe or first.quantity.name} less "
            f"{second.quantity.describe or second.quantity.name}",
        )
        return Column(quantity, first.values - second.values)
    axis, _, column = name.strip().rpartition("/")
    if not axis:
        field, values = _of_samples(evidence, rows, column)
    else:
        field, table = axis_rows(evidence, rows, axis, column)
        weight, value = polars.col("__weight"), polars.col("__value")
        if ideal is not None:
            value = (value - ideal).abs()
        defined = polars.when(value.is_nan()).then(None).otherwise(weight)
        mean = (weight * value).fill_nan(None).sum() / defined.sum()
        means = table.group_by("sample_id").agg(mean.alias("__mean"))
        joined = rows.select("sample_id").join(
            means, on="sample_id", how="left", maintain_order="left"
        )
        values = joined["__mean"].fill_null(np.nan).to_numpy().astype(np.float64)
    signed = bool((values < 0).any())
    if ideal is not None and not axis:
        values = np.abs(values - ideal)
    known = with_known(field).known
    quantity = Quantity(name.strip(), field.unit, field.per, field.describe, known=known)
    share = not axis and is_binary(field) and ideal in (None, 0.0, 1.0)
    if ideal is not None:
        quantity = _distance(quantity, ideal, signed)
    return Column(quantity, values, share, of_model=is_of_model(field))


def axis_rows(
    evidence: StudyEvidence, rows: polars.DataFrame, axis: str, column: str
) -> tuple[Field, polars.DataFrame]:
    """The column's field, and `sample_id`, the axis, `__value` and `__weight` of these samples.

    Raises:
        UserError: there is no such axis or column.
    """
    table, field, found = statistic_rows(evidence, f"{axis}/{column}")
    weights = [one.name for one in evidence.fields(table) if one.role == "weight"]
    weight = polars.col(weights[0]).cast(polars.Float64) if weights else polars.lit(1.0)
    of_point = rows.select("point", "partition").head(1)
    value = polars.col(column).cast(polars.Float64).fill_null(float("nan"))
    return field, found.join(
        of_point, on=["point", "partition"], how="semi", maintain_order="left"
    ).select("sample_id", axis, value.alias("__value"), weight.alias("__weight"))


def axis_contributions(
    evidence: StudyEvidence, rows: polars.DataFrame, axis: str, column: str, ideal: float
) -> Contributions:
    """Contribution of each position of an axis to each sample's error; infinite if it failed."""
    _, table = axis_rows(evidence, rows, axis, column)
    names = [str(name) for name in table[axis].unique(maintain_order=True)]
    row = rows.select("sample_id").with_row_index("__row")
    table = table.join(row, on="sample_id", maintain_order="left")
    of_sample = table["__row"].to_numpy()
    of_name = np.array([names.index(str(one)) for one in table[axis]], dtype=np.int64)
    errors, sizes = np.zeros((rows.height, len(names))), np.zeros((rows.height, len(names)))
    values = np.abs(table["__value"].to_numpy() - ideal)
    size = table["__weight"].to_numpy()
    defined = ~np.isnan(values) & (size > 0)
    cells = of_sample[defined], of_name[defined]
    np.add.at(errors, cells, (size * values)[defined])
    np.add.at(sizes, cells, size[defined])
    weights = [one.name for one in evidence.fields(f"by_{axis}") if one.role == "weight"]
    counted = weights[0].removeprefix("num_") if weights else "values"
    return Contributions(axis, tuple(names), errors, sizes, counted)


def _distance(quantity: Quantity, ideal: float, signed: bool) -> Quantity:
    """The quantity of an error: `|energy_error|`, `|correct − 1|`."""
    if ideal:
        error = quantity.distance_from(ideal)
        return replace(quantity, name=error.error_name, describe=error.describe)
    if signed:
        describe = f"absolute value of: {quantity.describe}"
        return replace(quantity, name=f"|{quantity.name}|", describe=describe)
    return quantity


def _of_samples(evidence: StudyEvidence, rows: polars.DataFrame, name: str) -> tuple[Field, Floats]:
    fields = {field.name: field for field in evidence.fields("samples")}
    known = [
        field.name for field in fields.values() if field.role in ("statistic", "feature")
        and rows[field.name].dtype.is_numeric()
    ]  # fmt: skip
    if name not in known:
        axes = [f"{axis}/…" for axis in evidence.axes]
        raise UserError(
            f"'{name}' is not a numeric column of the samples of {evidence.study}: "
            f"{closest(name, [*known, *axes])}"
        )
    values = rows[name].cast(polars.Float64).fill_null(float("nan"))
    return fields[name], values.to_numpy().astype(np.float64)
