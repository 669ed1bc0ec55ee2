"""The calibration samples that a monitor compares a stream with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.bootstrap import Floats
from saibench.evidence.independence import MARKS, ORDER_COLUMN, TIME
from saibench.evidence.stretches import contradiction, memory, units_of

MAX_ROWS = 500
"""More samples hardly sharpen a p-value, and would fill the file of a range."""
MIN_ROWS = 20
"""With fewer independent samples even a complete change takes ten samples to be found."""
TIMES_BETWEEN = 3.0
"""Correlation times between two samples, the least with which simulated AR(1) series raise no more
false alarms than the nominal 5 % (docs/results/statistics/exchangeability.md)."""

ERROR_NAME = "error"
UNIT = "__unit"
ROUNDING = 1e-6
"""Share of the spacing that may be missing: times are sums of many steps."""


@dataclass(frozen=True)
class Reference:
    """Calibration samples far enough apart to be independent.

    Args:
        names: of the features.
        rows: `(samples, features)`.
        errors: `(samples,)`, in the statistic's unit.
        sample_ids: `(samples,)`.
        kind: what is declared independent: `time`, `group` or `sample`.
        spacing: least distance of two samples of a stream: in the unit of the time column, or as a
            number of groups or samples.
        unit: of the time column.
        data: hash of their data.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    errors: tuple[float, ...]
    sample_ids: tuple[int, ...]
    kind: str
    spacing: float
    unit: str = ""
    data: str = ""

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows}
        if not self.names or widths != {len(self.names)} or len(self.errors) != len(self.rows):
            raise ValueError("the reference's rows do not fit its features")
        if not self.spacing > 0:
            raise ValueError("the reference's spacing is not positive")

    @property
    def of_errors(self) -> Reference:
        """The errors of the same samples, as the only feature."""
        rows = tuple((error,) for error in self.errors)
        return replace(self, names=(ERROR_NAME,), rows=rows)

    def only(self, names: Sequence[str]) -> Reference | None:
        """The reference of some of its features; None if it has none of them."""
        columns = [column for column, name in enumerate(self.names) if name in names]
        if not columns:
            return None
        return replace(
            self,
            names=tuple(self.names[column] for column in columns),
            rows=tuple(tuple(row[column] for column in columns) for row in self.rows),
        )


def reference_of(
    rows: polars.DataFrame, features: Sequence[str], error: str, *, data: str = "", unit: str = ""
) -> Reference | None:
    """The reference of the samples of one run.

    Features that follow the order of the samples (the time itself) or are constant are left out.

    Args:
        rows: `sample_id`, the features, the error, and what there is of the columns of
            `saibench.evidence.independence`. Rows of one sample, as along an axis or of several
            partitions, are averaged.
        features: candidates, numeric columns.
        error: column of the error.
        data: hash of the data.
        unit: of their time.

    Returns:
        None if there are fewer than `MIN_ROWS` independent samples.
    """
    samples, order = in_order(rows, [*features, error])
    names = [name for name in features if _is_monitored(samples, name)]
    if not names or samples.height < MIN_ROWS:
        return None
    values = samples.select(*names, error).to_numpy().astype(np.float64)
    steps = np.diff(order.place)
    spacing = _samples_between(values, order.kind) * float(np.median(steps))
    if not 0 < spacing < math.inf:
        return None
    chosen = spaced(order.place, spacing)
    if len(chosen) < MIN_ROWS:
        return None
    if len(chosen) > MAX_ROWS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MAX_ROWS).round().astype(int)]
    return Reference(
        names=tuple(names),
        rows=tuple(tuple(map(float, row)) for row in values[chosen, :-1]),
        errors=tuple(map(float, values[chosen, -1])),
        sample_ids=tuple(map(int, samples["sample_id"].to_numpy()[chosen])),
        kind=order.kind,
        spacing=spacing,
        unit=unit if order.kind == TIME else "",
        data=data,
    )


@dataclass(frozen=True, eq=False)
class Order:
    """Positions of samples in a stream.

    Args:
        kind: what is declared independent: time, group or sample.
        place: `(samples,)` ascending: times, or numbers of the groups or samples.
    """

    kind: str
    place: Floats


def in_order(rows: polars.DataFrame, columns: Sequence[str]) -> tuple[polars.DataFrame, Order]:
    """One row for each sample, or for each group if groups are independent, in order.

    Returns:
        `sample_id` (of a group: its first) and the mean of each of the columns, without samples of
        which one is undefined; and their order.
    """
    marks = [name for name in MARKS if name in rows.columns]
    samples = (
        rows.group_by("sample_id")
        .agg(
            *(polars.col(name).cast(polars.Float64).mean() for name in columns),
            *(polars.col(name).first() for name in marks),
        )
        .sort("sample_id")
    )
    units = units_of(samples)
    place = ORDER_COLUMN if units.kind == TIME else UNIT
    known = (
        samples.with_columns(polars.Series(UNIT, units.unit))
        .group_by(UNIT)
        .agg(
            polars.col("sample_id").min(),
            *(polars.col(name).mean() for name in dict.fromkeys((*columns, place)) if name != UNIT),
        )
        .sort(UNIT)
        .filter(polars.all_horizontal(polars.col(name).is_finite() for name in columns))
    )
    return known, Order(units.kind, known[place].cast(polars.Float64).to_numpy())


def spaced(place: Floats, spacing: float) -> NDArray[np.intp]:
    """Rows at least `spacing` apart, from the first on; ascending places `(samples,)`."""
    chosen: list[int] = []
    for row, at in enumerate(place):
        if not chosen or is_due(at, place[chosen[-1]], spacing):
            chosen.append(row)
    return np.array(chosen, dtype=np.intp)


def is_due(place: float, last: float, spacing: float) -> bool:
    """Whether a place is at least `spacing` after the last one, but for rounding."""
    return place - last >= spacing * (1 - ROUNDING)


def _samples_between(values: Floats, kind: str) -> float:
    """Some correlation times of the slowest column; 1 if the samples are independent."""
    if kind != TIME and contradiction(values) is None:
        return 1.0
    return max(1.0, TIMES_BETWEEN * memory(values))


def _is_monitored(samples: polars.DataFrame, name: str) -> bool:
    """Whether a feature varies, and is not the time that the samples are ordered by."""
    if samples[name].n_unique() < 2:
        return False
    return ORDER_COLUMN not in samples.columns or not samples[name].equals(samples[ORDER_COLUMN])
