"""The classes of labels and predicted labels."""

from __future__ import annotations

import polars

from saibench.errors import UserError
from saibench.evidence.imported.checks import refuse_missing
from saibench.evidence.imported.column import Column
from saibench.evidence.imported.texts import TEXT
from saibench.evidence.imported.understood import Understood

Classes = tuple[str | int | float, ...]
"""Labels, ascending."""
MOST_CLASSES = 1000
"""Most classes of a label."""


def classes_of(table: polars.DataFrame, understood: Understood) -> Classes:
    """The distinct labels, ascending."""
    label = understood.one("label")
    if label is None:
        return ()
    values = table[label.source]
    refuse_missing(values, label)
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
    if values.dtype in TEXT:
        return values.cast(polars.String).alias("")
    if values.dtype == polars.Boolean:
        return values.cast(polars.Int64).alias("")
    whole = values.cast(polars.Int64, strict=False)
    same = (whole.cast(polars.Float64) == values.cast(polars.Float64)).all()
    return (whole if same else values.cast(polars.Float64)).alias("")


def class_numbers(values: polars.Series, column: Column, classes: Classes) -> polars.Series:
    refuse_missing(values, column)
    labels = _as_labels(values)
    if labels.dtype == polars.String:
        labels_of: list[object] = [str(one) for one in classes]
    else:
        labels_of = list(classes)
    positions = labels.replace_strict(
        labels_of, list(range(len(classes))), return_dtype=polars.Int64
    )
    return positions.alias(column.source)
