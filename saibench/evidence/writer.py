"""Tables and metrics of a run from the statistics of its evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from saibench.errors import UserError
from saibench.evidence.schema import BEFORE, Field
from saibench.evidence.statistic import Axis, PartitionMetric, Statistic
from saibench.evidence.summary import Summary, summary

KEYS = [
    Field("point", "string", role="key", describe="hash of the point's settings"),
    Field("partition", "string", role="key", describe="test partition"),
    Field("sample_id", "int64", role="key", describe="id of the sample"),
]
SEEN = Field(
    "seen_in_training",
    "bool",
    role="feature",
    describe="whether the sample was trained or validated on",
    known=BEFORE,
)


@dataclass(frozen=True)
class Table:
    """The rows and columns of an evidence table."""

    rows: pl.DataFrame
    fields: list[Field]


def check_ids(expected: np.ndarray, given: np.ndarray) -> None:
    """Check that the given samples are the expected ones, each once.

    Raises:
        RuntimeError: a sample is missing, repeated or unexpected.
    """
    ids, counts = np.unique(given, return_counts=True)
    missing, extra = np.setdiff1d(expected, ids), np.setdiff1d(ids, expected)
    repeated = ids[counts > 1]
    if len(missing) or len(extra) or len(repeated):
        raise RuntimeError(
            f"evaluation returned {len(given)} samples instead of {len(expected)}: "
            f"{len(missing)} missing {missing[:5].tolist()}, {len(repeated)} repeated "
            f"{repeated[:5].tolist()}, {len(extra)} unexpected {extra[:5].tolist()}."
        )


def check_keys(statistics: Sequence[Statistic], values: Mapping[str, np.ndarray]) -> None:
    """Check that a test step returned statistics of the module, at least one.

    Raises:
        UserError: it returned an unknown key, or nothing.
    """
    known = [statistic.key for statistic in statistics]
    masks = {s.defined_key for s in statistics if s.partial and s.key in values}
    returned = [name for name in values if name != "sample_id"]
    unknown = [name for name in returned if name not in known and name not in masks]
    if unknown or not returned:
        what = f"unknown key '{unknown[0]}'" if unknown else "no statistic"
        raise UserError(
            f"test_step returned {what}. Valid keys, of statistics(): {', '.join(known)}."
        )


def checked_values(
    statistics: Sequence[Statistic], values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The checked values: NaN only where undefined, infinite only where the model failed.

    Values of a statistic with an axis are `(B, labels)`, also for crossed axes.

    Args:
        statistics: of the module.
        values: returned by its test steps, with `sample_id` `(B,)` and the bools of `partial`
            statistics, which the result omits.

    Raises:
        UserError: a wrong shape, or a `partial` statistic without its bools.
        RuntimeError: a defined value is NaN or infinite and not a declared failure: a prediction
            that is not a number is an error, never a missing value.
    """
    known = {statistic.key: statistic for statistic in statistics}
    masks = {statistic.defined_key for statistic in statistics}
    return {
        name: _checked(known[name], column, values) if name in known else column
        for name, column in values.items()
        if name not in masks
    }


def _checked(
    statistic: Statistic, column: np.ndarray, values: Mapping[str, np.ndarray]
) -> np.ndarray:
    ids = values["sample_id"]
    _check_shape(statistic, column, len(ids))
    defined = _flat(statistic, _defined(statistic, column, values))
    column = _flat(statistic, column)
    lost = defined & ~np.isfinite(column)
    if lost.any() and not statistic.failures:
        where = lost.reshape(len(ids), -1)
        samples, labels = ids[where.any(axis=1)], _labels(statistic, where.any(axis=0))
        raise RuntimeError(
            f"{statistic.key} is not a finite number for {len(samples)} of {len(ids)} samples "
            f"(ids {samples[:5].tolist()}){labels}: the predictions are NaN, infinite or too large."
        )
    if not lost.any() and defined.all():
        return column
    checked = np.where(defined, column.astype(np.result_type(column, np.float32)), np.nan)
    return np.where(lost, np.inf, checked)


def _check_shape(statistic: Statistic, column: np.ndarray, samples: int) -> None:
    axis = statistic.axis
    expected = (samples,) if axis is None else (samples, *axis.shape)
    if column.shape != expected:
        per = "sample" if axis is None else f"sample and {axis.name}"
        raise UserError(
            f"test_step returned '{statistic.key}' with shape {column.shape}. Use {expected}: "
            f"one value per {per}."
        )


def _flat(statistic: Statistic, column: np.ndarray) -> np.ndarray:
    """`(B,)`, or `(B, labels)` for the `(B, i, j)` of crossed axes."""
    axis = statistic.axis
    return column if axis is None else column.reshape(len(column), len(axis.labels))


def _defined(
    statistic: Statistic, column: np.ndarray, values: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Bools in the shape of the column: whether the statistic is defined."""
    axis = statistic.axis
    of_axis = True if axis is None else axis.defined.reshape(axis.shape)
    if not statistic.partial:
        return np.broadcast_to(of_axis, column.shape)
    mask = values.get(statistic.defined_key)
    if mask is None or mask.dtype != bool or mask.shape != column.shape:
        given = "nothing" if mask is None else f"{mask.dtype} {mask.shape}"
        raise UserError(
            f"'{statistic.key}' is partial, but test_step returned {given} as "
            f"'{statistic.defined_key}'. Return bools {column.shape}, True where it is defined."
        )
    return mask & of_axis


def _labels(statistic: Statistic, lost: np.ndarray) -> str:
    if statistic.axis is None:
        return ""
    labels = [str(label) for label, one in zip(statistic.axis.labels, lost, strict=True) if one]
    return f" at {statistic.axis.name} {', '.join(labels[:5])}{' …' if len(labels) > 5 else ''}"


def sample_table(
    keys: pl.DataFrame,
    features: pl.DataFrame,
    feature_fields: Sequence[Field],
    statistics: Sequence[Statistic],
    values: Mapping[str, np.ndarray],
) -> Table:
    """One row per sample: keys, `seen_in_training`, features, and statistics without an axis."""
    plain = [statistic for statistic in statistics if statistic.axis is None]
    columns = [_column(statistic, values, len(keys)) for statistic in plain]
    rows = pl.concat([keys, features.drop("sample_id"), pl.DataFrame(columns)], how="horizontal")
    return Table(rows, [*KEYS, SEEN, *feature_fields, *(_field(s) for s in plain)])


def axis_table(
    keys: pl.DataFrame,
    axis: Axis,
    statistics: Sequence[Statistic],
    values: Mapping[str, np.ndarray],
) -> Table:
    """One row per sample and label of the axis."""
    size, labels = len(keys), len(axis.labels)
    along = [s for s in statistics if s.axis is not None and s.axis.name == axis.name]
    repeated = keys.select("point", "partition", "sample_id").select(
        pl.all().repeat_by(labels).explode()
    )
    label = pl.Series(axis.name, list(axis.labels) * size)
    extra = [pl.Series(name, list(column) * size) for name, column in axis.columns.items()]
    with np.errstate(over="ignore"):  # an error beyond single precision is infinite, as a failure
        columns = [
            pl.Series(s.name, values[s.key].astype(np.float32).ravel())
            if s.key in values
            else pl.Series(s.name, [None] * (size * labels), dtype=pl.Float32)
            for s in along
        ]
    fields = [
        Field(axis.name, _dtype(label), role="key", describe=f"position on the axis {axis.name}"),
        *(
            Field(
                s.name,
                _dtype(s),
                role="weight" if s.name == axis.weight else "feature",
                known=BEFORE,
            )
            for s in extra
        ),
    ]
    rows = repeated.with_columns([label, *extra, *columns])
    return Table(rows, [*KEYS, *fields, *(_field(s) for s in along)])


def metrics(
    statistics: Sequence[Statistic], values: Mapping[str, np.ndarray], chosen: np.ndarray
) -> dict[str, dict[str, Any]]:
    """`{metric: {value, unit, per, count}}` over the chosen samples, in float64.

    Samples with an undefined value (NaN) are ignored and not counted; without any value the metric
    is None. If the statistic may fail, `failures` counts the failed samples; with failures, a mean
    is None, since it has no bound, and so is a quantile in the range of the failures.
    """
    found: dict[str, dict[str, Any]] = {}
    for statistic in (s for s in statistics if s.key in values):
        column = values[statistic.key][chosen].astype(np.float64)
        for name, (how, position) in statistic.metrics.items():
            own, place = column, {}
            if statistic.axis is not None and position is not None:
                own = column[:, position]
                place = {"axis": statistic.axis.name, "label": statistic.axis.labels[position]}
            found[name] = _metric(statistic, own, summary(how))
            found[name]["of"] = {"column": statistic.name, "how": how, **place}
    return found


def partition_metrics(
    requested: Sequence[PartitionMetric], columns: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """`{metric: {value, unit, per, count}}` of the metrics whose columns exist.

    Args:
        requested: the metrics.
        columns: statistics by key and data features by name, of one partition.
    """
    return {
        metric.name: metric.entry(columns)
        for metric in requested
        if all(name in columns for name in metric.columns)
    }


def _metric(statistic: Statistic, column: np.ndarray, summed: Summary) -> dict[str, Any]:
    defined = column[~np.isnan(column)]
    value = summed.of(defined) if len(defined) else np.nan
    found = {
        "value": value if np.isfinite(value) else None,
        "unit": statistic.unit,
        "per": statistic.per,
        "count": len(defined),
    }
    if statistic.failures:
        found["failures"] = int(np.isinf(defined).sum())
    return found


def _column(statistic: Statistic, values: Mapping[str, np.ndarray], size: int) -> pl.Series:
    if statistic.key in values:
        return pl.Series(statistic.name, values[statistic.key].astype(np.float64))
    return pl.Series(statistic.name, [None] * size, dtype=pl.Float64)


def _field(statistic: Statistic) -> Field:
    return Field(
        statistic.name,
        "float64" if statistic.axis is None else "float32",
        statistic.unit,
        statistic.per,
        "weight" if statistic.axis and statistic.axis.weight == statistic.name else "statistic",
        statistic.describe,
        statistic.known,
        statistic.binary,
        statistic.title,
    )


def _dtype(series: pl.Series) -> str:
    return "string" if series.dtype == pl.String else "int64"
