"""The checked values of the columns of a table: numbers, classes, names of samples."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.errors import UserError
from saibench.evidence.imported.checks import named_by, refuse, refuse_missing
from saibench.evidence.imported.classes import Classes, class_numbers, classes_of
from saibench.evidence.imported.column import Column
from saibench.evidence.imported.keys import ID, PARTITION, ROW, ids_of, partitions_of
from saibench.evidence.imported.schema import NUMBERS, OF_A_RUN, TRAINING
from saibench.evidence.imported.texts import TEXT, are_mostly_numbers, notation_of, numbers_of
from saibench.evidence.imported.understood import Understood


@dataclass(frozen=True, eq=False)
class Values:
    """Checked values.

    Args:
        frame: one row per row of the file that is tested: the columns of the file by their names
            there, with `ID`, `PARTITION`, `ROW`, and `NAME` if samples have names.
        classes: the labels, ascending, by whose positions `label` and `predicted_label` are
            replaced; empty without a label.
        training: samples in a training partition of the table, one row each: `ID` and features.
        partitions: the test partitions, in the order of the file.
    """

    frame: polars.DataFrame
    classes: Classes
    training: polars.DataFrame
    partitions: tuple[str, ...]

    @property
    def trained(self) -> NDArray[np.int64]:
        """Ids of the samples in a training partition of the table."""
        return self.training[ID].to_numpy()


def checked_values(table: polars.DataFrame, understood: Understood) -> Values:
    """Check and convert the columns that are not ignored.

    Of samples in a training partition, only the features are used.

    Raises:
        UserError: a value is missing, not finite, or of the wrong type, with its row.
    """
    if table.is_empty():
        raise UserError("the table has no rows. Use one row per sample.")
    row = polars.int_range(1, table.height + 1, dtype=polars.Int64, eager=True).alias(ROW)
    with named_by(row):
        keys = polars.DataFrame([*ids_of(table, understood), partitions_of(table, understood), row])
    in_training = keys[PARTITION].str.to_lowercase().is_in(TRAINING)
    if in_training.all():
        raise UserError(
            f"all rows are of the partitions {', '.join(TRAINING)}, so none is a test. Use the "
            "role ignore for the column of partitions to test on all rows."
        )
    training = keys.filter(in_training)
    if in_training.any():
        features = table.filter(in_training)
        with named_by(training[ROW]):
            converted = [_converted(features[one.source], one, ()) for one in understood.features]
        training = training.with_columns(converted).unique(ID, keep="first", maintain_order=True)
        table, keys = table.filter(~in_training), keys.filter(~in_training)
    with named_by(keys[ROW]):
        classes = classes_of(table, understood)
        columns = [
            _converted(table[column.source], column, classes)
            for column in understood
            if column.role not in ("ignore", "sample_id", "partition")
        ]
    frame = polars.DataFrame([*columns, *keys])
    found = frame[PARTITION].unique(maintain_order=True).to_list()
    return Values(frame, classes, training, tuple(found))


def _converted(values: polars.Series, column: Column, classes: Classes) -> polars.Series:
    if column.role in ("label", "predicted_label"):
        return class_numbers(values, column, classes)
    if column.role in OF_A_RUN and column.role not in NUMBERS:
        refuse_missing(values, column)
        is_plain = values.dtype.is_numeric() or values.dtype == polars.Boolean
        return values if is_plain else values.cast(polars.String)
    if column.role == "seen":
        return _booleans(values, column)
    if column.role == "group":
        refuse_missing(values, column)
        whole = values.cast(polars.Int64, strict=False) if values.dtype.is_integer() else None
        return values.cast(polars.String) if whole is None or whole.has_nulls() else whole
    if column.role == "feature" and values.dtype in TEXT and not are_mostly_numbers(values):
        return values.cast(polars.String)
    found = _numbers(values, column)
    if column.role in ("feature", "time"):
        if column.role == "time":
            refuse_missing(found, column)
        refuse(found.is_infinite(), found, column, "an infinite number", "Correct or remove it.")
        return _narrowed(found, values)
    if column.missing == "refuse" or column.role in ("prediction", "score", "train_count"):
        refuse_missing(found, column)
    refuse(found.is_infinite(), found, column, "an infinite number", "Correct or remove the row.")
    if column.role == "score":
        outside = (found < 0) | (found > 1)
        refuse(outside, found, column, "no probability", "Convert scores to 0 … 1.")
    return found.fill_nan(None) if column.role in ("truth", "error") else found


def _numbers(values: polars.Series, column: Column) -> polars.Series:
    """Float64; times are seconds since 1970."""
    if values.dtype.is_temporal() and values.dtype not in (polars.Duration, polars.Time):
        return values.cast(polars.Datetime("us")).dt.epoch("us").cast(polars.Float64) / 1e6
    if values.dtype in TEXT:
        found, what = numbers_of(values), "no number"
        if column.role == "time":
            what = "neither a number nor a date such as 2026-01-31T12:00"
            if found.null_count() == len(found):
                texts = values.cast(polars.String).str.strip_chars()
                found = _numbers(texts.map_elements(_utc, polars.Datetime("us")), column)
        wrong = found.is_null() & values.is_not_null()
        hint = "Correct it, or give the column another role in a schema."
        if wrong.any() and (notation := notation_of(str(values.filter(wrong)[0]))):
            hint = f"It has {notation}."
        refuse(wrong, values, column, what, hint)
        return found
    if not (values.dtype.is_numeric() or values.dtype in (polars.Boolean, polars.Null)):
        raise UserError(
            f"column '{column.source}' has values of type {values.dtype}, which cannot be a "
            f"{column.role}. Use numbers."
        )
    return values.cast(polars.Float64)


def _utc(text: str) -> datetime | None:
    """The time in UTC, as a date in ISO 8601 without an offset is; None for other text."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        return None


def _narrowed(found: polars.Series, values: polars.Series) -> polars.Series:
    """Integers and booleans as in the file, unless they exceed int64."""
    if values.dtype == polars.Boolean:
        return values
    if values.dtype.is_integer() and values.dtype != polars.UInt64:
        return values.cast(polars.Int64)
    return found


def _booleans(values: polars.Series, column: Column) -> polars.Series:
    refuse_missing(values, column)
    if values.dtype == polars.Boolean:
        return values
    found = _numbers(values, column)
    refuse(~found.is_in([0.0, 1.0]), values, column, "neither 0 nor 1", "Use true and false.")
    return found.cast(polars.Boolean)
