"""Labels in one column of 0 and 1 per class, as weaver writes `label_QCD`, `label_Hbb`, …"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars

from saibench.errors import UserError
from saibench.evidence.imported.column import LABEL
from saibench.evidence.imported.guess import NAMES, SCORE, Guess, words_of
from saibench.evidence.imported.schema import TableSchema
from saibench.printable import printable

PREFIX = "label_"
"""Before the class in a column's name."""


def with_one_label(
    table: polars.DataFrame, schema: TableSchema
) -> tuple[polars.DataFrame, dict[str, Guess]]:
    """Replace columns of classes with one of labels; the roles of that and of the scores.

    Columns are of classes if each has a score, the column with `score_` or `prob_` before its name,
    and all their values are 0 or 1. A column that a schema names, or a label that it names, is left
    as it is.

    Args:
        table: all columns.
        schema: of the user.

    Returns:
        the table, whose column `label` has the names of the classes; the table itself and no role
        if there are no such columns.

    Raises:
        UserError: a row is of no class, or of several.
    """
    if schema.others != "guess" or any(one.role == "label" for one in schema.columns.values()):
        return table, {}
    scores = _scores(table, schema)
    classes = list(dict.fromkeys(name for _, name in scores.values()))
    if len(classes) < 2:
        return table, {}
    names = {one: _name(one, classes) for one in classes}
    labels = _labels(table.select(classes), names)
    others = [name for name in table.columns if name not in classes and not _is_label(name, schema)]
    why = f"the one of {', '.join(map(printable, classes))}"
    roles = {LABEL: Guess("label", why)} | {
        column: Guess("score", "name", of_class=names[of], model=model or None)
        for column, (model, of) in scores.items()
    }
    return table.select(labels.alias(LABEL), *others), roles


def _scores(table: polars.DataFrame, schema: TableSchema) -> dict[str, tuple[str, str]]:
    """Column of a score → its model, empty without a name, and the column of its class."""
    found = {}
    for column in table.columns:
        match = re.fullmatch(rf"(?:(.+)_)?(?:{'|'.join(SCORE)})_(.+)", column)
        if match is None or column in schema.columns or match[2] in schema.columns:
            continue
        if match[2] in table.columns and _is_of_class(table[match[2]]):
            found[column] = (match[1] or "", match[2])
    return found


def _is_of_class(values: polars.Series) -> bool:
    if values.has_nulls() or not (values.dtype == polars.Boolean or values.dtype.is_numeric()):
        return False
    return bool(values.cast(polars.Float64).is_in([0.0, 1.0]).all())


def _is_label(name: str, schema: TableSchema) -> bool:
    """Whether a further column is the label by its name, such as weaver's number `_label_`."""
    return name not in schema.columns and words_of(name) in NAMES["label"]


def _name(column: str, classes: Sequence[str]) -> str:
    has_prefix = all(one.startswith(PREFIX) and len(one) > len(PREFIX) for one in classes)
    return column.removeprefix(PREFIX) if has_prefix else column


def _labels(table: polars.DataFrame, names: Mapping[str, str]) -> polars.Series:
    values = table.to_numpy().astype(float)
    faulty = (values.sum(axis=1) != 1).nonzero()[0]
    if faulty.size:
        row = int(faulty[0])
        raise UserError(
            f"row {row + 1:,} is of {values[row].sum():.0f} classes by the columns "
            f"{', '.join(map(printable, table.columns))}. Use 1 in one of them and 0 in the others."
        )
    known = [names[one] for one in table.columns]
    return polars.Series(values.argmax(axis=1)).replace_strict(
        list(range(len(known))), known, return_dtype=polars.String
    )
