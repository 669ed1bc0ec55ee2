"""What samplers read from an index: ids, feature columns, and the order a feature gives."""

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
        raise TypeError(f"an index needs integer sample_id, this one has {ids.dtype}")
    return ids.cast(polars.Int64).to_numpy()


def feature(index: polars.DataFrame, field: str, name: str) -> polars.Series:
    """The column `name`; `field` is the setting that asked for it, named in the error."""
    if name in index.columns:
        return index[name]
    hint = closest(name, index.columns)
    features = ", ".join(sorted(index.columns))
    known = "" if features in hint else f" The features are {features}"
    refuse(field, name, f"is not a feature of this data; {hint}{known}".removesuffix("."))


def numeric_feature(index: polars.DataFrame, field: str, name: str) -> np.ndarray:
    """The column `name` as numbers of shape (rows,); a null is NaN."""
    column = feature(index, field, name)
    if not column.dtype.is_numeric():
        refuse(field, name, f"holds {column.dtype}; a feature that holds numbers would work")
    return column.to_numpy()


def rows_in_order(index: polars.DataFrame, field: str, by: str) -> np.ndarray:
    """Row positions, int64, ascending by the feature `by`, ties by sample_id."""
    values = numeric_feature(index, field, by)
    undefined = int(np.isnan(values).sum())
    if undefined:
        refuse(
            field, by, f"has no value in {undefined} samples; a feature that all have would work"
        )
    return np.lexsort((sample_ids(index), values)).astype(np.int64)


def row_bound(fraction: float, rows: int) -> int:
    """floor(fraction * rows), where 1e-9 keeps a product such as 0.29 * 100 from falling short."""
    return math.floor(fraction * rows + 1e-9)
