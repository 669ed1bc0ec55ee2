"""The checked values of the columns of a table: numbers, classes, names of samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars

from saibench.errors import UserError
from saibench.evidence.imported.schema import NUMBERS, OF_A_RUN, TRAINING
from saibench.evidence.imported.understood import Column, Understood, plain
from saibench.formatting import counted
from saibench.printable import printable

ID, NAME, PARTITION, ROW = "__id", "__name", "__partition", "__row"
"""Columns of checked values beside those of the file: id of the sample, its name if names are
text, test partition, and number of the row, from 1."""
TEST = "test"
"""Partition of a table without a column of partitions."""
MOST_CLASSES = 1000
"""Most classes of a label."""
MOST_RUNS = 1000
"""Most runs in a table; more are a sign that a feature is taken for a setting."""
_TEXT = (polars.String, polars.Categorical, polars.Enum)


@dataclass(frozen=True, eq=False)
class Values:
    """Checked values.

    Args:
        frame: one row per row of the file that is tested: the columns of the file by their names
            there, with `ID`, `PARTITION`, `ROW`, and `NAME` if samples have names.
        classes: the labels, ascending, by whose positions `label` and `predicted_label` are
            replaced; empty without a label.
        trained: names or ids, as in `ID`, of samples in a training partition of the table.
        partitions: the test partitions, in the order of the file.
    """

    frame: polars.DataFrame
    classes: tuple[str | int | float, ...]
    trained: np.ndarray
    partitions: tuple[str, ...]


def checked_values(table: polars.DataFrame, understood: Understood) -> Values:
    """Check and convert the columns that are not ignored.

    Raises:
        UserError: a value is missing, not finite, or of the wrong type, with its row.
    """
    if table.is_empty():
        raise UserError("the table has no rows. Use one row per sample.")
    classes = _classes(table, understood)
    columns = [
        _converted(table[column.source], column, classes)
        for column in understood
        if column.role not in ("ignore", "sample_id", "partition")
    ]
    ids = _ids(table, understood)
    partitions = _partitions(table, understood)
    row = polars.int_range(1, table.height + 1, dtype=polars.Int64, eager=True).alias(ROW)
    frame = polars.DataFrame([*columns, *ids, partitions, row])
    in_training = frame[PARTITION].is_in(TRAINING)
    trained = frame[ID].filter(in_training).unique().to_numpy()
    if in_training.any():
        frame = frame.filter(~in_training)
    if frame.is_empty():
        raise UserError(
            f"all rows are of the partitions {', '.join(TRAINING)}, so none is a test. Use the "
            "role ignore for the column of partitions to test on all rows."
        )
    found = frame[PARTITION].unique(maintain_order=True).to_list()
    return Values(frame, classes, trained, tuple(found))


def _converted(
    values: polars.Series, column: Column, classes: tuple[str | int | float, ...]
) -> polars.Series:
    if column.role in ("label", "predicted_label"):
        return _class_numbers(values, column, classes)
    if column.role in OF_A_RUN and column.role not in NUMBERS:
        _refuse_missing(values, column)
        is_plain = values.dtype.is_numeric() or values.dtype == polars.Boolean
        return values if is_plain else values.cast(polars.String)
    if column.role == "seen":
        return _booleans(values, column)
    if column.role == "group":
        _refuse_missing(values, column)
        return values.cast(polars.Int64 if values.dtype.is_integer() else polars.String)
    if column.role == "feature" and values.dtype in _TEXT and not _is_mistyped(values):
        return values.cast(polars.String)
    found = _numbers(values, column)
    if column.role in ("feature", "time"):
        if column.role == "time":
            _refuse_missing(found, column)
        _refuse(found.is_infinite(), found, column, "an infinite number", "Correct or remove it.")
        return _narrowed(found, values)
    if column.missing == "refuse" or column.role in ("prediction", "score", "train_count"):
        _refuse_missing(found, column)
    _refuse(found.is_infinite(), found, column, "an infinite number", "Correct or remove the row.")
    if column.role == "score":
        outside = (found < 0) | (found > 1)
        _refuse(outside, found, column, "no probability", "Convert scores to 0 … 1.")
    return found.fill_nan(None) if column.role in ("truth", "error") else found


def _numbers(values: polars.Series, column: Column) -> polars.Series:
    """Float64; times are seconds since 1970."""
    if values.dtype.is_temporal() and values.dtype not in (polars.Duration, polars.Time):
        return values.cast(polars.Datetime("us")).dt.epoch("us").cast(polars.Float64) / 1e6
    if values.dtype in _TEXT:
        found = values.cast(polars.String).str.strip_chars().cast(polars.Float64, strict=False)
        _refuse(
            found.is_null() & values.is_not_null(), values, column, "no number",
            "Correct it, or give the column another role in a schema.",
        )  # fmt: skip
        return found
    if not (values.dtype.is_numeric() or values.dtype in (polars.Boolean, polars.Null)):
        raise UserError(
            f"column '{column.source}' has values of type {values.dtype}, which cannot be a "
            f"{column.role}. Use numbers."
        )
    return values.cast(polars.Float64)


def _narrowed(found: polars.Series, values: polars.Series) -> polars.Series:
    """Integers and booleans as in the file, unless they exceed int64."""
    if values.dtype == polars.Boolean:
        return values
    if values.dtype.is_integer() and values.dtype != polars.UInt64:
        return values.cast(polars.Int64)
    return found


def _is_mistyped(values: polars.Series) -> bool:
    """Whether most texts are numbers, so that the others are mistakes."""
    defined = values.cast(polars.String).drop_nulls()
    numbers = defined.str.strip_chars().cast(polars.Float64, strict=False)
    return 2 * numbers.null_count() < len(defined)


def _booleans(values: polars.Series, column: Column) -> polars.Series:
    _refuse_missing(values, column)
    if values.dtype == polars.Boolean:
        return values
    found = _numbers(values, column)
    _refuse(~found.is_in([0.0, 1.0]), values, column, "neither 0 nor 1", "Use true and false.")
    return found.cast(polars.Boolean)


def _classes(table: polars.DataFrame, understood: Understood) -> tuple[str | int | float, ...]:
    """The distinct labels, ascending."""
    label = understood.one("label")
    if label is None:
        return ()
    values = table[label.source]
    _refuse_missing(values, label)
    columns = [label, *understood.of("predicted_label")]
    found = polars.concat([_as_labels(table[one.source]).unique() for one in columns]).unique()
    scored = [one.of_class for one in understood.of("score") if one.of_class is not None]
    count = len(found)
    if count > MOST_CLASSES:
        raise UserError(
            f"column '{label.source}' has {count:,} classes, and at most {MOST_CLASSES:,} are "
            "possible. For a number, give it the role truth in a schema."
        )
    classes = found.to_list()
    scored_too = [_like_label(one, found.dtype) for one in scored]  # perhaps of no sample
    return tuple(sorted({*classes, *(one for one in scored_too if one is not None)}))


def _like_label(given: str | int | bool, dtype: polars.DataType) -> str | int | float | None:
    """The class of a score in the type of the labels; None for a word if labels are numbers."""
    if dtype == polars.String:
        return str(given)
    try:
        number = float(given)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _as_labels(values: polars.Series) -> polars.Series:
    """Labels of one type: text, or numbers, of which whole ones are integers."""
    if values.dtype in _TEXT:
        return values.cast(polars.String).alias("")
    if values.dtype == polars.Boolean:
        return values.cast(polars.Int64).alias("")
    whole = values.cast(polars.Int64, strict=False)
    same = (whole.cast(polars.Float64) == values.cast(polars.Float64)).all()
    return (whole if same else values.cast(polars.Float64)).alias("")


def _class_numbers(
    values: polars.Series, column: Column, classes: tuple[str | int | float, ...]
) -> polars.Series:
    _refuse_missing(values, column)
    labels = _as_labels(values)
    if labels.dtype == polars.String:
        labels_of: list[object] = [str(one) for one in classes]
    else:
        labels_of = list(classes)
    positions = labels.replace_strict(
        labels_of, list(range(len(classes))), return_dtype=polars.Int64
    )
    return positions.alias(column.source)


def _ids(table: polars.DataFrame, understood: Understood) -> list[polars.Series]:
    """`ID`, and `NAME` if the names of samples are text."""
    column = understood.one("sample_id")
    if column is None:
        if understood.of(*OF_A_RUN):
            raise UserError(
                "no column names the sample, so the runs cannot be compared on the same samples. "
                "Name one in a schema: columns: {id: sample_id}."
            )
        return [polars.int_range(table.height, dtype=polars.Int64, eager=True).alias(ID)]
    values = table[column.source]
    _refuse_missing(values, column)
    if values.dtype.is_integer():
        return [values.cast(polars.Int64).alias(ID)]
    if values.dtype.is_float():
        whole = values.cast(polars.Int64, strict=False)
        different = (whole.cast(polars.Float64) != values.cast(polars.Float64)) | whole.is_null()
        _refuse(different, values, column, "no whole number", "Use whole numbers or text.")
        return [whole.alias(ID)]
    names = values.cast(polars.String)
    numbered = polars.DataFrame({NAME: names.unique(maintain_order=True)}).with_row_index(ID)
    ids = polars.DataFrame({NAME: names}).join(
        numbered, on=NAME, how="left", maintain_order="left"
    )[ID]
    return [ids.cast(polars.Int64).alias(ID), names.alias(NAME)]


def _partitions(table: polars.DataFrame, understood: Understood) -> polars.Series:
    column = understood.one("partition")
    if column is None:
        return polars.Series(PARTITION, [TEST], dtype=polars.String).new_from_index(0, table.height)
    values = table[column.source]
    _refuse_missing(values, column)
    texts = values.cast(polars.String)
    names: dict[str, str] = {}
    for text in texts.unique(maintain_order=True).to_list():
        name = plain(text).strip("_") if not _is_plain(text) else text
        if name in names.values():
            raise UserError(
                f"column '{printable(column.source)}' has two partitions that would be named "
                f"{name}. Rename one."
            )
        names[text] = name
        if len(names) > MOST_RUNS:
            raise UserError(
                f"column '{printable(column.source)}' has {texts.n_unique():,} partitions, and at "
                f"most {MOST_RUNS:,} are possible. Give it the role group or feature in a schema."
            )
    return texts.replace_strict(names, return_dtype=polars.String).alias(PARTITION)


def _is_plain(text: str) -> bool:
    """Whether a partition may have this name in a config, too."""
    return bool(text) and all(one.isalnum() or one in "_.-" for one in text)


def _refuse_missing(values: polars.Series, column: Column) -> None:
    missing = values.is_null()
    if values.dtype.is_float():
        missing |= values.is_nan().fill_null(False)
    _refuse(missing, None, column, "missing", _HINTS.get(column.role, "Fill it in."))


_HINTS = {
    **dict.fromkeys(
        ("prediction", "score", "predicted_label"),
        "A prediction that is not a number is an error of its model: remove or correct the row.",
    ),
    **dict.fromkeys(
        ("truth", "error"),
        "Set missing: undefined for the column in a schema if it is undefined for some samples.",
    ),
}


def _refuse(
    wrong: polars.Series, values: polars.Series | None, column: Column, what: str, hint: str
) -> None:
    """Refuse a column with wrong values.

    Raises:
        UserError: the first rows that are wrong.
    """
    rows = np.flatnonzero(wrong.fill_null(False).to_numpy())
    if not len(rows):
        return
    value = "" if values is None else f" ('{printable(str(values[int(rows[0])]))[:40]}')"
    more = f" and {counted(len(rows) - 3, 'more row')}" if len(rows) > 3 else ""
    named = ", ".join(f"{row + 1:,}" for row in rows[:3])
    raise UserError(
        f"column '{printable(column.source)}', row {named}{more}: the {column.role} is "
        f"{what}{value}. {hint}"
    )
