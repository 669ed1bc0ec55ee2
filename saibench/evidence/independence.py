"""The declaration of which samples are independent, which every interval and test starts from.

The data source declares it, the record stores it (`blocks` of `run.json`), and the tables in memory
have it as columns, which `saibench.analysis.blocks` reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars

from saibench.errors import UserError, closest

TIME, GROUP, SAMPLE = "time", "group", "sample"
KINDS = (TIME, GROUP, SAMPLE)

DEFAULT_ORDER = "time"
"""Time column of records without a declaration, as of saibench 0.1."""
ORDER_COLUMN = "__time"
"""Time of a row, under one name for all data."""
GROUP_COLUMN = "__group"
"""Group of a row; samples of different groups are independent."""
STRATUM_COLUMN = "__stratum"
"""Class of a row, in data with a chosen number of samples per class."""
STRETCH_COLUMN = "__stretch"
"""Stretch of a row (see `saibench.evidence.dependence`)."""
MARKS = (ORDER_COLUMN, GROUP_COLUMN, STRATUM_COLUMN, STRETCH_COLUMN)
"""Columns of `StudyEvidence.samples` that are in no file."""
ROW_KEYS = ("point", "partition", "sample_id")


@dataclass(frozen=True)
class Independence:
    """Which samples are independent of each other.

    Args:
        kind: `time`: samples some correlation times apart; `group`: samples of different groups
            (trajectories, events, radar series); `sample`: all samples.
        column: the column of the times or of the groups, in the index and the evidence.
        strata: a column of classes with a chosen number of samples each, such as a label;
            resampling keeps their proportions.

    Raises:
        UserError: the kind is unknown, or a column is missing.
    """

    kind: str = SAMPLE
    column: str | None = None
    strata: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"blocks of kind '{self.kind}': {closest(str(self.kind), KINDS)}")
        if (self.kind == SAMPLE) != (self.column is None):
            hint = "column=null" if self.kind == SAMPLE else f"the column of the {self.kind}"
            raise UserError(f"blocks of kind '{self.kind}' with column={self.column}: use {hint}.")

    @property
    def order_column(self) -> str | None:
        """The column of times; None for samples without an order."""
        return self.column if self.kind == TIME else None

    @property
    def columns(self) -> list[str]:
        """The columns that the declaration names."""
        return [name for name in (self.column, self.strata) if name is not None]

    def checked(self, columns: Collection[str]) -> Independence:
        """Return the declaration itself.

        Raises:
            UserError: `columns` lacks a column that it names.
        """
        for name in self.columns:
            if name not in columns:
                raise UserError(
                    f"the data declare blocks by the column '{name}', which their index lacks: "
                    f"{closest(name, columns)}"
                )
        return self

    def to_json(self) -> dict[str, str | None]:
        """The entry `blocks` of the record."""
        return asdict(self)


def default_independence(columns: Collection[str]) -> Independence:
    """Time order if there is the column `DEFAULT_ORDER`, else independent samples."""
    if DEFAULT_ORDER in columns:
        return Independence(TIME, DEFAULT_ORDER)
    return Independence(strata="label" if "label" in columns else None)


def independence_of(record: Mapping[str, Any], columns: Collection[str]) -> Independence:
    """The declaration in a point's record, or the default for an older record.

    Raises:
        UserError: the evidence lacks a declared column.
    """
    declared = record.get("blocks")
    if not isinstance(declared, Mapping):
        return default_independence(columns)
    known = {name: declared.get(name) for name in ("kind", "column", "strata")}
    return Independence(**known).checked(columns)  # type: ignore[arg-type]


def marked(samples: polars.DataFrame, declared: Mapping[str, Independence]) -> polars.DataFrame:
    """Add the columns of the declared independence.

    Args:
        samples: with `point` and `sample_id`.
        declared: by point.
    """
    found: dict[str, polars.Expr] = {}
    for name, column_of, dtype in (
        (ORDER_COLUMN, lambda one: one.order_column, polars.Float64),
        (GROUP_COLUMN, lambda one: one.column if one.kind == GROUP else None, polars.String),
        (STRATUM_COLUMN, lambda one: one.strata, polars.String),
    ):
        columns: dict[str, str | None] = {point: column_of(one) for point, one in declared.items()}
        if not any(columns.values()):
            continue
        expression = polars.lit(None, dtype=dtype)
        for column in dict.fromkeys(name for name in columns.values() if name):
            points = [point for point, own in columns.items() if own == column]
            expression = (
                polars.when(polars.col("point").is_in(points))
                .then(polars.col(column).cast(dtype))
                .otherwise(expression)
            )
        found[name] = expression
    return samples.with_columns(**found)


def marked_index(index: polars.DataFrame, declared: Independence) -> polars.DataFrame:
    """Add the columns of the declared independence to the samples of one data set."""
    return marked(index.with_columns(point=polars.lit("")), {"": declared}).drop("point")


def marked_by(rows: polars.DataFrame, samples: polars.DataFrame) -> polars.DataFrame:
    """Add the independence columns of the samples to rows along an axis, in the same order."""
    columns = [name for name in MARKS if name in samples.columns and name not in rows.columns]
    if not columns or not {*ROW_KEYS} <= set(rows.columns):
        return rows
    own = samples.select(*ROW_KEYS, *columns)
    return rows.join(own, on=list(ROW_KEYS), how="left", maintain_order="left")
