"""Reading an index: ids, feature columns, and the order of a feature."""

from __future__ import annotations

import math

import numpy as np
import polars

from saibench.errors import closest
from saibench.options import refuse


def sample_ids(index: polars.DataFrame) -> np.ndarray:
    """The ids, int64 of shape (rows,)."""
    ids = index["sample_id"]
    if not ids.dtype.is_integer():
        raise TypeError(f"sample_id of the index has type {ids.dtype}, not an integer type")
    return ids.cast(polars.Int64).to_numpy()


def by_sample_id(index: polars.DataFrame, rows: np.ndarray) -> np.ndarray:
    """These row positions in ascending order of sample_id, ties in the given order."""
    return rows[np.argsort(sample_ids(index)[rows], kind="stable")]


def feature(index: polars.DataFrame, field: str, name: str) -> polars.Series:
    """The column `name`; `field` is the setting that names it, for the error."""
    if name in index.columns:
        return index[name]
    hint = closest(name, index.columns)
    features = ", ".join(sorted(index.columns))
    known = "" if features in hint else f" Features: {features}"
    refuse(field, name, f"is not a feature of the data; {hint}{known}".removesuffix("."))


def numeric_feature(index: polars.DataFrame, field: str, name: str) -> np.ndarray:
    """The numeric column `name`, of shape (rows,); null becomes NaN."""
    column = feature(index, field, name)
    if not column.dtype.is_numeric():
        refuse(field, name, f"has type {column.dtype}. Use a numeric feature")
    return column.to_numpy()


def rows_in_order(index: polars.DataFrame, field: str, by: str) -> np.ndarray:
    """Row positions, int64, ascending by the feature `by`, ties by sample_id."""
    values = numeric_feature(index, field, by)
    undefined = int(np.isnan(values).sum())
    if undefined:
        refuse(field, by, f"has no value in {undefined} samples. Use a feature without NaN")
    return np.lexsort((sample_ids(index), values)).astype(np.int64)


def row_bound(fraction: float, rows: int) -> int:
    """floor(fraction * rows + 1e-9), since 0.29 * 100 < 29 in floating point."""
    return math.floor(fraction * rows + 1e-9)
