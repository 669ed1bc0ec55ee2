"""The table of a study's points: one row per point, settings as columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars

from saibench.evidence import schema
from saibench.evidence.schema import Field

Record = Mapping[str, Any]
"""The content of a `run.json` or `metrics.json`."""

BEFORE = [
    Field("point", "string", role="key", describe="hash of the point's resolved config"),
    Field("slug", "string", role="key", describe="readable name of the point"),
    Field("state", "string", role="key", describe="complete, failed, stopped, not_applicable, …"),
    Field("cause", "string", role="key", describe="why the point has no results"),
]
AFTER = [
    Field("train_count", "int64", "samples", role="feature", describe="samples trained on"),
    Field("steps", "int64", "steps", role="feature", describe="optimiser steps"),
    Field("seconds_prepare", "float64", "s", role="feature", describe="time to prepare the data"),
    Field("seconds_train", "float64", "s", role="feature", describe="time to train"),
    *(
        Field(name, "float64", "s", role="feature", describe=describe, known=schema.AFTER)
        for name, describe in (
            ("seconds_test", "time to test"),
            ("seconds_total", "time of the whole point"),
        )
    ),
    Field("started", "string", role="feature", describe="when the point began"),
    Field("ended", "string", role="feature", describe="when the point ended"),
    Field("record", "string", role="key", describe="run.json of the point"),
    Field("metrics", "string", role="key", describe="metrics.json of the point"),
]
FIXED = {field.name for field in (*BEFORE, *AFTER)}


def points_table(
    records: Mapping[str, Record], metrics: Mapping[str, Record]
) -> tuple[polars.DataFrame, list[Field]]:
    """The table of points, ordered by the settings in which they differ, and its fields.

    A setting is a column of the same name (`window.start`), or `setting.<name>` if the table has
    another column of that name. Lists and mixed types are JSON text.
    """
    names = dict.fromkeys(name for record in records.values() for name in record["settings"])
    settings = {
        (f"setting.{name}" if name in FIXED else name): setting_column(
            [record["settings"].get(name) for record in records.values()]
        )
        for name in names
    }
    rows = [_row(point, record, metrics.get(point, {})) for point, record in records.items()]
    table = polars.DataFrame(
        [
            *(_series(field, rows) for field in BEFORE),
            *(column.alias(name) for name, column in settings.items()),
            *(_series(field, rows) for field in AFTER),
        ]
    )
    fields = [
        *BEFORE,
        *(Field(name, _DTYPES[column.dtype], role="setting") for name, column in settings.items()),
        *AFTER,
    ]
    order = [name for name, column in settings.items() if column.n_unique() > 1]
    order.sort(key=lambda name: name == "seed")  # seeds of one cell are neighbours
    return table.sort([*order, "slug", "point"], maintain_order=True), fields


def setting_column(values: Sequence[Any]) -> polars.Series:
    """One setting of all points: booleans, integers, floats or text; null stays null."""
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if any(type(value) is int and abs(value) >= 2**63 for value in present):
        kinds = {object}  # too large for a column of integers
    if kinds <= {int}:
        return polars.Series(values, dtype=polars.Int64)
    if kinds <= {int, float}:
        floats = [None if value is None else float(value) for value in values]
        return polars.Series(floats, dtype=polars.Float64)
    if kinds == {bool}:
        return polars.Series(values, dtype=polars.Boolean)
    texts = [
        value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)
        for value in values
    ]
    return polars.Series(texts, dtype=polars.String)


_DTYPES: dict[Any, str] = {
    polars.Int64: "int64",
    polars.Float64: "float64",
    polars.Boolean: "bool",
    polars.String: "string",
}
_BY_NAME = {name: dtype for dtype, name in _DTYPES.items()}


def _row(point: str, record: Record, metrics: Record) -> dict[str, Any]:
    seconds = record.get("seconds") or {}
    partitions = record.get("partitions") or {}
    return {
        "point": point,
        "slug": record.get("slug") or point,
        "state": record["state"],
        "cause": (record.get("failure") or {}).get("cause"),
        "train_count": (partitions.get("train") or {}).get("count"),
        "steps": record.get("steps"),
        **{f"seconds_{one}": seconds.get(one) for one in ("prepare", "train", "test", "total")},
        "started": record.get("started"),
        "ended": record.get("ended"),
        "record": json.dumps(record, ensure_ascii=False),
        "metrics": json.dumps(metrics, ensure_ascii=False),
    }


def _series(field: Field, rows: Sequence[Mapping[str, Any]]) -> polars.Series:
    values = [row[field.name] for row in rows]
    return polars.Series(field.name, values, dtype=_BY_NAME[field.dtype], strict=False)
