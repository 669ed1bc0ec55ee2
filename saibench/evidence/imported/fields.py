"""Fields of the features of imported samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars

from saibench.errors import UserError
from saibench.evidence.imported.column import LABEL, Column
from saibench.evidence.imported.keys import NAME
from saibench.evidence.imported.runs import Run
from saibench.evidence.imported.values import Values
from saibench.evidence.schema import AFTER, Field
from saibench.printable import printable

SAMPLE_NAME = Field("sample_name", "string", role="key", describe="name of the sample")


def feature_fields(run: Run, values: Values) -> list[Field]:
    """The data features of a run, with name of the sample, truth and label."""
    fields = [SAMPLE_NAME] if NAME in run.rows.columns else []
    fields += [
        feature_field(column, run.rows.schema[column.source])
        for column in run.columns
        if column.role in ("feature", "time", "group", "truth")
    ]
    if run.of(LABEL):
        named = ", ".join(f"{k}: {one}" for k, one in enumerate(values.classes[:5]))
        more = ", …" if len(values.classes) > 5 else ""
        describe = printable(f"number of the class ({named}{more})")
        fields.append(Field(LABEL, "int64", role="feature", describe=describe, known=AFTER))
    return fields


def feature_field(column: Column, dtype: polars.DataType) -> Field:
    return Field(
        column.name,
        _DTYPES[dtype],
        column.unit,
        role="key" if column.role == "group" else "feature",
        describe=_describe(column),
        known=column.known,
        title=column.title,
    )


_DTYPES: dict[Any, str] = {
    polars.Float64: "float64",
    polars.Int64: "int64",
    polars.Boolean: "bool",
    polars.String: "string",
}


def _describe(column: Column) -> str:
    if column.describe:
        return column.describe
    own = {"truth": f"truth of {column.target}" if column.target else "truth",
           "time": "time of the sample", "group": "group of dependent samples"}  # fmt: skip
    return own.get(column.role, printable(column.title or column.source))


def refuse_equal_names(fields: Sequence[Field], statistics: Sequence[str]) -> None:
    """Raise UserError if a column of the table has the name of another, or of a statistic."""
    names = [*(field.name for field in fields), *statistics]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"a column would be named {name}, which is the name of a computed column, too. Set "
                "its name in a schema, or give it the role ignore."
            )
