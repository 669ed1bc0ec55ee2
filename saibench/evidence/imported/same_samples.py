"""Runs of one table are of the same samples: with the same truth, and how many they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars

from saibench.errors import UserError
from saibench.evidence.imported.classes import Classes
from saibench.evidence.imported.column import Column
from saibench.evidence.imported.keys import ID, NAME, PARTITION, ROW
from saibench.formatting import counted
from saibench.printable import printable

ROUNDING = float(np.finfo(np.float32).eps)
"""Relative difference of a number and the same in float32."""
MOST_COUNTS = 3
"""Most runs whose counts are printed."""


def refuse_other_truths(
    frame: polars.DataFrame, truths: Sequence[Column], keys: Sequence[Column], classes: Classes
) -> None:
    """Refuse a sample whose truth differs between the runs by more than rounding to float32.

    Args:
        frame: of `Values`.
        truths: columns of truths and labels.
        keys: columns that distinguish the runs.
        classes: of labels.

    Raises:
        UserError: the first such sample, with the runs and values.
    """
    of_sample = [PARTITION, ID]
    for column in truths:
        value = polars.col(column.source).cast(polars.Float64)
        known = frame.select(*of_sample, value.fill_nan(None).alias("truth"))
        low, high = polars.col("truth").min(), polars.col("truth").max()
        largest = polars.max_horizontal(low.abs(), high.abs())
        some_missing = (polars.col("truth").null_count() > 0) & (polars.col("truth").count() > 0)
        found = (
            known.group_by(of_sample, maintain_order=True)
            .agg(differs=((high - low) > ROUNDING * largest).fill_null(False) | some_missing)
            .filter("differs")
        )
        if not found.is_empty():
            first = {name: found[name][0] for name in of_sample}
            rows = frame.filter(*(polars.col(name) == one for name, one in first.items()))
            raise UserError(_differing(rows, column, keys, classes, len(found)))


def _differing(
    rows: polars.DataFrame, column: Column, keys: Sequence[Column], classes: Classes, count: int
) -> str:
    """The message on one sample, by the first run and the one that differs most from it."""
    values = rows[column.source].cast(polars.Float64).fill_null(np.nan).to_numpy()
    distance = np.nan_to_num(np.abs(values - values[0]), nan=np.inf)
    distance[0] = -1.0
    if np.isnan(values[0]):
        distance = np.where(np.isnan(values), -1.0, np.inf)
    other = int(np.argmax(distance))
    row = rows.row(0, named=True)
    named = [
        f"{_truth(values[place], column, classes)} of {_run(rows.row(place, named=True), keys)} "
        f"(row {rows[ROW][place]:,})"
        for place in (0, other)
    ]
    more = f", and {counted(count - 1, 'other sample')} like it" if count > 1 else ""
    return (
        f"column '{printable(column.source)}': the {column.role} of sample "
        f"{printable(str(row.get(NAME, row[ID])))} in partition {row[PARTITION]} is {named[0]} and "
        f"{named[1]}{more}. Use one truth per sample, or other names for other samples."
    )


def _truth(value: float, column: Column, classes: Classes) -> str:
    if np.isnan(value):
        return "missing"
    return printable(str(classes[int(value)])) if column.role == "label" else f"{value:.9g}"


def _run(row: dict[str, object], keys: Sequence[Column]) -> str:
    return ", ".join(printable(f"{key.source}={row[key.source]}") for key in keys)


def differing_counts(named: Sequence[tuple[str, polars.DataFrame]]) -> list[str]:
    """A sentence per partition whose samples differ between runs: how many of each, and common.

    Args:
        named: name and rows of each run.
    """
    lines = []
    partitions = dict.fromkeys(one for _, rows in named for one in rows[PARTITION].unique().sort())
    for partition in partitions:
        ids = [rows.filter(polars.col(PARTITION) == partition)[ID].unique() for _, rows in named]
        common = ids[0]
        for one in ids[1:]:
            common = common.filter(common.is_in(one.implode()))
        if all(len(one) == len(common) for one in ids):
            continue
        counts = [f"{len(one):,} of {name}" for (name, _), one in zip(named, ids, strict=True)]
        if len(counts) > MOST_COUNTS:
            counts = [*counts[:MOST_COUNTS], f"those of {len(counts) - MOST_COUNTS} more"]
        lines.append(
            f"The runs differ in their samples of {partition}: {', '.join(counts)}; "
            f"{len(common):,} common to all."
        )
    return lines
