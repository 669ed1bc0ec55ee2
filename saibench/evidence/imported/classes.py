"""The classes of labels and predicted labels."""

from __future__ import annotations

from collections.abc import Sequence

import polars

from saibench.errors import UserError
from saibench.evidence.imported.checks import refuse, refuse_missing
from saibench.evidence.imported.column import Column
from saibench.evidence.imported.texts import TEXT
from saibench.evidence.imported.understood import Understood
from saibench.printable import printable

Classes = tuple[str | int | float, ...]
"""Labels, ascending."""
MOST_CLASSES = 1000
"""Most classes of a label."""


def classes_of(table: polars.DataFrame, understood: Understood) -> Classes:
    """The distinct labels, ascending."""
    label = understood.one("label")
    if label is None:
        return ()
    columns = [label, *understood.of("predicted_label")]
    labels = [_as_labels(table[one.source], one).unique() for one in columns]
    found = polars.concat(_of_one_type(labels, columns)).unique()
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


def _of_one_type(labels: Sequence[polars.Series], columns: Sequence[Column]) -> list[polars.Series]:
    """Labels of several columns, as text or as numbers."""
    texts = [one.dtype == polars.String for one in labels]
    if all(texts):
        return list(labels)
    if any(texts):
        words, numbers = columns[texts.index(True)], columns[texts.index(False)]
        raise UserError(
            f"the classes in column '{printable(words.source)}' are text, and those in "
            f"'{printable(numbers.source)}' numbers. Convert one of the columns."
        )
    whole = all(one.dtype == polars.Int64 for one in labels)
    return [one.cast(polars.Int64 if whole else polars.Float64) for one in labels]


def _like_label(given: str | int | bool, dtype: polars.DataType) -> str | int | float | None:
    """The class of a score in the type of the labels; None for a word if labels are numbers."""
    if dtype == polars.String:
        return str(given)
    try:
        number = float(given)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _as_labels(values: polars.Series, column: Column) -> polars.Series:
    """Labels of one type: text, or numbers, of which whole ones are integers."""
    refuse_missing(values, column)
    if values.dtype in TEXT:
        return values.cast(polars.String).alias("")
    if values.dtype == polars.Boolean:
        return values.cast(polars.Int64).alias("")
    floats = values.cast(polars.Float64).alias("")
    refuse(floats.is_infinite(), values, column, "no class", "Correct or remove the row.")
    whole = values.cast(polars.Int64, strict=False).alias("")
    same = (whole.cast(polars.Float64) == floats).fill_null(False).all()
    return whole if same else floats


def class_numbers(values: polars.Series, column: Column, classes: Classes) -> polars.Series:
    """The positions of labels in the classes."""
    labels = _as_labels(values, column)
    if any(isinstance(one, float) for one in classes):
        labels = labels.cast(polars.Float64)
    known = polars.Series(list(classes), dtype=labels.dtype, strict=False)
    numbers = polars.int_range(len(classes), dtype=polars.Int64, eager=True)
    return labels.replace_strict(known, numbers).alias(column.source)
