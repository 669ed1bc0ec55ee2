"""What of the data is independent: the declaration that every interval and test starts from.

The data's source declares it, the record keeps it (`blocks` of `run.json`), and the tables of
evidence carry it as columns that `saibench.analysis.blocks` reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import polars

from saibench.errors import UserError, closest

TIME, GROUP, SAMPLE = "time", "group", "sample"
KINDS = (TIME, GROUP, SAMPLE)

DEFAULT_ORDER = "time"
"""Column by which samples are ordered where nothing is declared, as in records of saibench 0.1."""
ORDER_COLUMN = "__time"
"""Time of a row, whatever the column is called that the data declare it by."""
GROUP_COLUMN = "__group"
"""Group of a row; samples of different groups are independent."""
STRATUM_COLUMN = "__stratum"
"""Class of a row, of whose samples a fixed number was chosen."""
STRETCH_COLUMN = "__stretch"
"""Stretch of a row, as `saibench.evidence.dependence` decides it for a study's samples."""
MARKS = (ORDER_COLUMN, GROUP_COLUMN, STRATUM_COLUMN, STRETCH_COLUMN)
"""The columns of `StudyEvidence.samples` that no file of evidence holds."""
ROW_KEYS = ("point", "partition", "sample_id")


@dataclass(frozen=True)
class Independence:
    """Which samples may be taken for independent of each other.

    Args:
        kind: `time`: samples some correlation times apart; `group`: samples of different groups
            (trajectories, events, radar series); `sample`: all.
        column: a column of the index and the evidence: of the times, or of the groups.
        strata: a column of classes of which the data hold a chosen, not a found, number of samples,
            such as a jet's label; resampling then keeps their shares.

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
            works = "no column" if self.kind == SAMPLE else "the column that holds it"
            raise UserError(f"blocks of kind '{self.kind}' with column={self.column}: use {works}.")

    @property
    def order_column(self) -> str | None:
        """The column of the times by which samples are ordered; None where they have no order."""
        return self.column if self.kind == TIME else None

    @property
    def columns(self) -> list[str]:
        """The columns that the declaration names."""
        return [name for name in (self.column, self.strata) if name is not None]

    def checked(self, columns: Collection[str]) -> Independence:
        """Itself.

        Raises:
            UserError: a column that it names is none of `columns`.
        """
        for name in self.columns:
            if name not in columns:
                raise UserError(
                    f"the data declare blocks by the column '{name}', which their index does not "
                    f"have: {closest(name, columns)}"
                )
        return self

    def to_json(self) -> dict[str, str | None]:
        """What the record keeps."""
        return {"kind": self.kind, "column": self.column, "strata": self.strata}


def default_independence(columns: Collection[str]) -> Independence:
    """By `DEFAULT_ORDER` where samples have it, else every sample is independent."""
    if DEFAULT_ORDER in columns:
        return Independence(TIME, DEFAULT_ORDER)
    return Independence(strata="label" if "label" in columns else None)


def independence_of(record: Mapping[str, Any], columns: Collection[str]) -> Independence:
    """What a point's record declares, or the default of its columns where it is older.

    Raises:
        UserError: the declaration does not fit the columns of the evidence.
    """
    declared = record.get("blocks")
    if not isinstance(declared, Mapping):
        return default_independence(columns)
    known = {name: declared.get(name) for name in ("kind", "column", "strata")}
    return Independence(**known).checked(columns)  # type: ignore[arg-type]


def marked(samples: polars.DataFrame, declared: Mapping[str, Independence]) -> polars.DataFrame:
    """The samples with the columns that tell what is independent.

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
    """The samples of one data set with the columns that tell what is independent."""
    return marked(index.with_columns(point=polars.lit("")), {"": declared}).drop("point")


def marked_by(rows: polars.DataFrame, samples: polars.DataFrame) -> polars.DataFrame:
    """Rows along an axis with the block columns of their samples, which keep their order."""
    columns = [name for name in MARKS if name in samples.columns and name not in rows.columns]
    if not columns or not {*ROW_KEYS} <= set(rows.columns):
        return rows
    own = samples.select(*ROW_KEYS, *columns)
    return rows.join(own, on=list(ROW_KEYS), how="left", maintain_order="left")
