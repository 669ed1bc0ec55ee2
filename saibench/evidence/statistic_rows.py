"""Lookup of a statistic by the name that a user gives."""

from __future__ import annotations

from collections.abc import Collection

import polars

from saibench.errors import UserError, closest
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.schema import Field


def statistic_rows(
    evidence: StudyEvidence, name: str, roles: Collection[str] = ("statistic",)
) -> tuple[str, Field, polars.DataFrame]:
    """The table, column and rows of a statistic: `force_mae`, `lead/mae`, or `species=O/mae`.

    Args:
        roles: roles of valid columns.

    Raises:
        UserError: there is no such axis or position, or no numeric column.
    """
    along, _, column = name.strip().rpartition("/")
    axis, _, label = along.partition("=")
    table = f"by_{axis}" if axis else "samples"
    if table not in evidence.sources:
        raise UserError(f"'{name}': unknown axis '{axis}'; {closest(axis, evidence.axes)}")
    rows = evidence.table(table)
    if label:
        of_axis = polars.col(axis).cast(polars.String)
        labels = rows.select(of_axis.unique()).to_series().to_list()
        if label not in labels:
            raise UserError(f"'{name}': unknown {axis} '{label}'; {closest(label, labels)}")
        rows = rows.filter(of_axis == label)
    fields = {field.name: field for field in evidence.fields(table)}
    field = fields.get(column)
    is_number = column in rows.columns and rows[column].dtype.is_numeric()
    if field is None or field.role not in roles or not is_number:
        known = [one.name for one in fields.values() if one.role == "statistic"]
        named = [f"{along}/{one}" if along else one for one in known]
        raise UserError(f"'{name}' is not a statistic of {evidence.study}: {closest(name, named)}")
    return table, field, rows
