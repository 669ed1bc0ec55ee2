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

MAX_VALUES = 500
"""More values hardly sharpen a p-value, and would fill the file of a range."""
MIN_VALUES = 20
"""With fewer independent values even a complete change takes ten samples to be found."""
TIMES_BETWEEN = 3.0
"""Correlation times between two values, the least with which simulated AR(1) series raise no more
false alarms than the nominal 5 % (docs/results/statistics/exchangeability.md)."""

ERROR_NAME = "error"
UNIT = "__unit"
ROUNDING = 1e-6
"""Share of the spacing that may be missing: times are sums of many steps."""


@dataclass(frozen=True)
class Series:
    """Values of one quantity, far enough apart to be independent.

    Args:
        name: of the feature, or `ERROR_NAME`.
        values: `(samples,)`.
        sample_ids: `(samples,)`.
        spacing: least distance of two values: in the unit of the time column, or as a number of
            groups or samples.
    """

    name: str
    values: tuple[float, ...]
    sample_ids: tuple[int, ...]
    spacing: float

    def __post_init__(self) -> None:
        if not self.values or len(self.values) != len(self.sample_ids) or not self.spacing > 0:
            raise ValueError("the series has no values, other samples, or no spacing")


@dataclass(frozen=True)
class Reference:
    """Calibration samples that a stream is compared with.

    Args:
        series: of the features.
        error: of the true errors, if they have enough independent values.
        kind: what is declared independent: `time`, `group` or `sample`.
        unit: of the time column.
        data: hash of their data.
    """

    series: tuple[Series, ...]
    error: Series | None
    kind: str
    unit: str = ""
    data: str = ""

    def __post_init__(self) -> None:
        if not self.series:
            raise ValueError("the reference has no feature")

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return tuple(one.name for one in self.series)

    @property
    def sample_ids(self) -> set[int]:
        """Ids of all samples that have a value here."""
        series = self.series if self.error is None else (*self.series, self.error)
        return {number for one in series for number in one.sample_ids}

    @property
    def of_errors(self) -> Reference | None:
        """The reference of the errors, as its only feature; None without errors."""
        return None if self.error is None else replace(self, series=(self.error,))

    def only(self, names: Sequence[str]) -> Reference | None:
        """The reference of some of its features; None if it has none of them."""
        kept = tuple(one for one in self.series if one.name in names)
        return replace(self, series=kept) if kept else None


def reference_of(
    rows: polars.DataFrame, features: Sequence[str], error: str, *, data: str = "", unit: str = ""
) -> Reference | None:
    """The reference of the samples of one run.

    Features that follow the order of the samples (the time itself), are constant, or have fewer
    than `MIN_VALUES` independent values are left out.

    Args:
        rows: `sample_id`, the features, the error, and what there is of the columns of
            `saibench.evidence.independence`. Rows of one sample, as along an axis or of several
            partitions, are averaged.
        features: candidates, numeric columns.
        error: column of the error.
        data: hash of the data.
        unit: of their time.

    Returns:
        None if no feature is left.
    """
    samples, order = in_order(rows, [*features, error])
    if samples.height < MIN_VALUES:
        return None
    found = [_series(samples, order, name) for name in features]
    series = tuple(one for one in found if one is not None)
    if not series:
        return None
    of_errors = _series(samples, order, error)
    return Reference(
        series=series,
        error=of_errors and replace(of_errors, name=ERROR_NAME),
        kind=order.kind,
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


def _series(samples: polars.DataFrame, order: Order, name: str) -> Series | None:
    """Independent values of a column, evenly spaced; None if there are too few."""
    follows = ORDER_COLUMN in samples.columns and samples[name].equals(samples[ORDER_COLUMN])
    if follows or samples[name].n_unique() < 2:
        return None
    values = samples[name].to_numpy()
    between = 1.0
    if order.kind == TIME or contradiction(values[:, None]) is not None:
        between = max(1.0, TIMES_BETWEEN * memory(values[:, None]))
    spacing = between * float(np.median(np.diff(order.place)))
    if not 0 < spacing < math.inf:
        return None
    chosen = spaced(order.place, spacing)
    if len(chosen) < MIN_VALUES:
        return None
    if len(chosen) > MAX_VALUES:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MAX_VALUES).round().astype(int)]
    ids = samples["sample_id"].to_numpy()[chosen]
    return Series(name, tuple(values[chosen].tolist()), tuple(ids.tolist()), spacing)
