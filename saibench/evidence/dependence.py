"""Independence of a study's samples: one decision for all metrics of the same samples.

The decision combines the errors that the study's records name (traced, bounded, in the headline)
over all points that were tested on the same samples, so that the metrics of a page share their
blocks and no decision depends on the noise of a single metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import polars

from saibench.evidence.autocorrelation import Floats
from saibench.evidence.independence import MARKS, ROW_KEYS, STRETCH_COLUMN, TIME
from saibench.evidence.stretches import (
    Labels,
    Units,
    complete,
    contradiction,
    memory,
    number_of_stretches,
    units_of,
)

INDEPENDENT = ""
"""Name of the stretch if the samples are independent as declared."""
MUCH_LONGER = 2
"""Ratio above which the correlation times of two errors of a time series are kept apart."""


@dataclass(frozen=True, eq=False)
class Errors:
    """One error of N samples, of several points.

    Args:
        axis: empty without one.
        column: such as `force_mae`.
        values: by point `(N, positions on the axis)`; NaN where undefined.
    """

    axis: str
    column: str
    values: Mapping[str, Floats]

    @property
    def name(self) -> str:
        """`force_mae` or `lead/mae`."""
        return f"{self.axis}/{self.column}" if self.axis else self.column


@dataclass(frozen=True, eq=False)
class Dependence:
    """The blocks of N samples, decided by their errors.

    Args:
        labels: `(N,)` stretches for each of K correlation times, longest first; empty if the
            samples are independent as declared.
        num_blocks: stretches of the shortest correlation time, or independent samples or groups.
        contradiction: the largest lag-one autocorrelation of errors, if it contradicts the
            declared independence; else None.
        point, statistic: with that autocorrelation.
    """

    labels: tuple[Labels, ...]
    num_blocks: int
    contradiction: float | None = None
    point: str = ""
    statistic: str = ""


def dependence(samples: polars.DataFrame, errors: Sequence[Errors]) -> Dependence:
    """The blocks of N samples, given `sample_id` and the columns of the declared independence.

    Samples with a time, and samples whose neighbours correlate in any error of any point, are split
    into stretches of five correlation times of the error with the longest one (mean over points and
    positions). In a time series, errors of different kinds, such as energies and forces, may have
    correlation times of their own.
    """
    units = units_of(samples)
    found: list[tuple[float, str, str]] = []
    if units.kind != TIME:
        tests = sum(len(error.values) for error in errors)
        for error in errors:
            for point, values in error.values.items():
                rho = contradiction(units.series(values), replicates=True, tests=tests)
                found += [] if rho is None else [(rho, point, error.name)]
        if not found:
            return Dependence((), units.count)
    numbers = _numbers(errors, units)
    labels = tuple(map(units.stretches, numbers if units.kind == TIME else numbers[:1]))
    return Dependence(labels, int(labels[-1].max()) + 1, *max(found, default=(None, "", "")))


def _numbers(errors: Sequence[Errors], units: Units) -> list[int]:
    """Numbers of stretches, ascending, one per group of errors with similar correlation times.

    The errors along one axis, and the means over it, belong to one group.
    """
    axes = {error.column: error.axis for error in errors if error.axis}
    by_kind: dict[str, int] = {}
    for error in errors:
        kind = axes.get(error.column, error.column)
        series = units.series(np.hstack(list(error.values.values())))
        number = number_of_stretches(memory(series, replicates=True), units.count)
        by_kind[kind] = min(number, by_kind.get(kind, number))
    kept: list[int] = []
    for number in sorted(by_kind.values()) or [number_of_stretches(1.0, units.count)]:
        if not kept or number > MUCH_LONGER * kept[-1]:
            kept.append(number)
    return kept


@dataclass(frozen=True, order=True)
class Named:
    """A statistic of a table: its mean over an axis, or its value at each position."""

    axis: str
    column: str
    by_position: bool = False

    @property
    def table(self) -> str:
        return f"by_{self.axis}" if self.axis else "samples"


def named_errors(
    record: Mapping[str, Any], metrics: Mapping[str, Any], known: Mapping[str, Sequence[str]]
) -> list[Named]:
    """The errors that a point's record traces, bounds or has in its headline.

    If the record names none that exists, the first statistic of the samples.

    Args:
        record: `run.json`.
        metrics: of one partition.
        known: the statistics of each table.
    """
    traced = (record.get("trace") or {}).get("response") or []
    bounded = (record.get("trust") or {}).get("statistic")
    names = [*([traced] if isinstance(traced, str) else traced), *([bounded] if bounded else [])]
    found = [Named(*_axis_and_column(str(name))) for name in names]
    for name in record.get("headline") or ():
        of = (metrics.get(name) or {}).get("of")
        found += [_defined_as(of)] if isinstance(of, Mapping) else _called(str(name), known)
    usable = [one for one in dict.fromkeys(found) if one.column in known.get(one.table, ())]
    return usable or [Named("", name) for name in list(known.get("samples", ()))[:1]]


@dataclass(frozen=True, eq=False)
class SameSamples:
    """Points that were tested on the same samples.

    Args:
        partition: its name.
        points: hashes.
        samples: ascending by id, with the columns of the declared independence.
        dependence: decided by the points' errors.
    """

    partition: str
    points: tuple[str, ...]
    samples: polars.DataFrame
    dependence: Dependence


def decide(
    samples: polars.DataFrame,
    records: Mapping[str, Mapping[str, Any]],
    metrics: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Sequence[str]],
    read: Callable[[str], polars.DataFrame],
) -> list[SameSamples]:
    """Decide the independence of a study's samples.

    Args:
        samples: of all points, with the columns of the declared independence.
        records: `run.json` by point.
        metrics: `metrics.json` by point.
        known: the statistics of each table.
        read: returns a table along an axis by its name.
    """
    tables = {"samples": samples}
    found = []
    for partition, points, own in _same_samples(samples, records):
        of_points = (
            named_errors(records[point], metrics[point].get(partition) or {}, known)
            for point in points
        )
        ids, errors = own["sample_id"].to_numpy(), []
        for named in dict.fromkeys(chain.from_iterable(of_points)):
            if named.table not in tables:
                tables[named.table] = read(named.table)
            rows = tables[named.table].filter(polars.col("partition") == partition)
            errors.append(_read(named, rows, ids, points))
        decision = dependence(own, [error for error in errors if error.values])
        found.append(SameSamples(partition, tuple(points), own, decision))
    return found


def marked_with_stretches(
    samples: polars.DataFrame, decided: Sequence[SameSamples]
) -> polars.DataFrame:
    """The samples of all points with a column of their stretches."""
    if not any(one.dependence.labels for one in decided):
        return samples.with_columns(polars.lit(INDEPENDENT).alias(STRETCH_COLUMN))
    numbers = {name: at for at, name in enumerate(dict.fromkeys(one.partition for one in decided))}
    parts = []
    for one in decided:
        names = _stretch_names(one, numbers[one.partition])
        stretch = polars.Series(STRETCH_COLUMN, names, polars.String)
        own = one.samples.select("sample_id", stretch, partition=polars.lit(one.partition))
        parts.append(own.join(polars.DataFrame({"point": one.points}), how="cross"))
    keys = list(ROW_KEYS)
    return samples.join(polars.concat(parts), on=keys, how="left", maintain_order="left")


def stretches_of(samples: polars.DataFrame) -> list[Labels] | None:
    """The labels of `Dependence`, from the column of stretches; None if a row has no stretch."""
    if not complete(samples, STRETCH_COLUMN):
        return None
    names = samples[STRETCH_COLUMN].unique().sort()
    if names.to_list() == [INDEPENDENT]:
        return []
    number = samples[STRETCH_COLUMN].replace_strict(names, range(len(names))).to_numpy()
    parts = [str(name).split() for name in names]
    if len({len(part) for part in parts}) > 1:
        return None
    return [
        np.unique(of_memory, return_inverse=True)[1].astype(np.int64)[number]
        for of_memory in zip(*parts, strict=True)
    ]


def _stretch_names(one: SameSamples, partition: int) -> list[str]:
    """The stretches of each sample, by names that differ between partitions."""
    if not one.dependence.labels:
        return [INDEPENDENT] * one.samples.height
    return [
        " ".join(f"{partition}:{label:03d}" for label in of_sample)
        for of_sample in zip(*one.dependence.labels, strict=True)
    ]


def _same_samples(
    samples: polars.DataFrame, records: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, list[str], polars.DataFrame]]:
    """Partition, points, and their samples ascending by id."""
    columns = ["sample_id", *(name for name in MARKS if name in samples.columns)]
    found: dict[Any, tuple[str, list[str], polars.DataFrame]] = {}
    needed = samples.select("point", "partition", *columns)
    for (point, partition), rows in needed.group_by("point", "partition", maintain_order=True):
        own = rows.select(columns).sort("sample_id")
        data = (records[str(point)].get("data") or {}).get("hash")
        key: tuple[Any, ...] = data, partition, own["sample_id"].to_numpy().tobytes()
        if key in found and not found[key][2].equals(own):  # declared otherwise
            key = (*key, point)
        found.setdefault(key, (str(partition), [], own))[1].append(str(point))
    return list(found.values())


def _axis_and_column(name: str) -> tuple[str, str]:
    axis, _, column = name.rpartition("/")
    return axis, column


def _defined_as(of: Mapping[str, Any]) -> Named:
    axis, column = _axis_and_column(str(of.get("column") or ""))
    axis = str(of.get("axis") or axis)
    return Named(axis, column, by_position=bool(axis))


def _called(name: str, known: Mapping[str, Sequence[str]]) -> list[Named]:
    """The statistic of a metric in an older record: `<column>` or `<column>_<position>`."""
    if name in known.get("samples", ()):
        return [Named("", name)]
    column = name.rpartition("_")[0]
    tables = [table for table, columns in known.items() if column in columns]
    axes = [table.removeprefix("by_") for table in tables if table != "samples"]
    return [Named(axis, column, by_position=True) for axis in axes[:1]]


def _read(named: Named, table: polars.DataFrame, ids: Labels, points: Sequence[str]) -> Errors:
    """The values of a statistic, at the positions where at least half of the samples have one.

    Args:
        named: the statistic.
        table: the rows of one partition.
        ids: `(N,)` of the samples, ascending.
        points: hashes.
    """
    axis = [named.axis] if named.by_position else []
    needed = table.select("point", "sample_id", named.column, *axis)
    by_point = needed.partition_by("point", as_dict=True)
    of_point: dict[str, Floats] = {}
    for point in points:
        rows = by_point.get((point,), needed.clear())
        position = np.zeros(rows.height, dtype=np.intp)
        if named.by_position:
            position = np.unique(rows[named.axis].to_numpy(), return_inverse=True)[1].reshape(-1)
        values = rows[named.column].cast(polars.Float64).fill_null(np.nan).abs().to_numpy()
        defined = np.isfinite(values)
        shape = len(ids), int(position.max(initial=0)) + 1
        sample = np.searchsorted(ids, rows["sample_id"].to_numpy())
        at = (sample * shape[1] + position)[defined]
        counts = np.bincount(at, minlength=math.prod(shape)).reshape(shape)
        sums = np.bincount(at, values[defined], math.prod(shape)).reshape(shape)
        with np.errstate(invalid="ignore"):
            means = sums / counts
        mostly = (counts > 0).sum(axis=0) >= len(ids) / 2
        if mostly.any():
            of_point[point] = means[:, mostly]
    return Errors(named.axis, named.column, of_point)
