"""The keys of rows: id or name of the sample, and its partition."""

from __future__ import annotations

import polars

from saibench.errors import UserError
from saibench.evidence.imported.checks import refuse, refuse_missing
from saibench.evidence.imported.column import plain
from saibench.evidence.imported.schema import OF_A_RUN
from saibench.evidence.imported.understood import Understood
from saibench.printable import printable

ID, NAME, PARTITION, ROW = "__id", "__name", "__partition", "__row"
"""Columns beside those of the file: id of the sample, its name if names are text, test partition,
and number of the row, from 1."""
TEST = "test"
"""Partition of a table without a column of partitions."""
MOST_PARTITIONS = 1000
LARGEST_FLOAT = 2**53
"""Larger whole numbers are rounded as float64, so that different ids become equal."""


def ids_of(table: polars.DataFrame, understood: Understood) -> list[polars.Series]:
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
    refuse_missing(values, column)
    if values.dtype.is_integer():
        numbers = values.cast(polars.Int64, strict=False)
        if not numbers.has_nulls():  # others, such as hashes of 64 bits, are names
            return [numbers.alias(ID)]
    if values.dtype.is_float():
        whole = values.cast(polars.Int64, strict=False)
        different = (whole.cast(polars.Float64) != values.cast(polars.Float64)) | whole.is_null()
        refuse(different, values, column, "no whole number", "Use whole numbers or text.")
        rounded = whole.abs() > LARGEST_FLOAT
        refuse(rounded, values, column, "a rounded number", "Save ids as integers or text.")
        return [whole.alias(ID)]
    names = values.cast(polars.String)
    numbered = polars.DataFrame({NAME: names.unique(maintain_order=True)}).with_row_index(ID)
    ids = polars.DataFrame({NAME: names}).join(
        numbered, on=NAME, how="left", maintain_order="left"
    )[ID]
    return [ids.cast(polars.Int64).alias(ID), names.alias(NAME)]


def partitions_of(table: polars.DataFrame, understood: Understood) -> polars.Series:
    column = understood.one("partition")
    if column is None:
        return polars.Series(PARTITION, [TEST], dtype=polars.String).new_from_index(0, table.height)
    values = table[column.source]
    refuse_missing(values, column)
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
        if len(names) > MOST_PARTITIONS:
            raise UserError(
                f"column '{printable(column.source)}' has {texts.n_unique():,} partitions, and at "
                f"most {MOST_PARTITIONS:,} are possible. Give it another role in a schema."
            )
    return texts.replace_strict(names, return_dtype=polars.String).alias(PARTITION)


def _is_plain(text: str) -> bool:
    """Whether a partition may have this name in a config, too."""
    return bool(text) and all(one.isalnum() or one in "_.-" for one in text)
