"""Every recorded metric of a study with its interval: points × partitions × metrics.

`metrics.json` holds numbers without intervals, with what each is taken of; the samples behind them
give those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars

from saibench.analysis.block_means import BlockMeans, block_means
from saibench.analysis.blocks import block_columns
from saibench.analysis.bootstrap import Floats, Interval
from saibench.analysis.metric_sources import MetricIntervals, Statistics, mean_of
from saibench.errors import UserError, first_line
from saibench.evidence.known import is_binary
from saibench.evidence.reader import StudyEvidence

KEYS = ["point", "partition"]


@dataclass(frozen=True, eq=False)
class Number:
    """A recorded metric; `interval` and `blocks` are None where its definition is not known.

    An infinite one may have a bound: `above` is what it exceeds at 95 %.
    """

    value: float
    unit: str
    per: str
    count: int
    interval: Interval | None = None
    blocks: BlockMeans | None = None
    above: float | None = None


@dataclass(frozen=True)
class MissingIntervals:
    """A module of `metric_intervals` that could not be used, and why."""

    module: str
    cause: Exception

    @property
    def label(self) -> str:
        return f"the intervals of '{self.module}'"

    @property
    def error(self) -> Exception | None:
        """The defect of the module; None where it is only not there, or not to be imported."""
        return None if isinstance(self.cause, UserError) else self.cause

    def __str__(self) -> str:
        return f"Metrics stand without {self.label}: {first_line(self.cause)}."


class Measured:
    """The numbers of a study, found once each."""

    def __init__(self, evidence: StudyEvidence) -> None:
        self.evidence = evidence
        self.intervals = MetricIntervals(evidence.records.values())
        self._found: dict[tuple[str, str], dict[str, Number]] = {}

    @property
    def missing(self) -> list[MissingIntervals]:
        """Of the numbers found so far."""
        return [MissingIntervals(*one) for one in self.intervals.failed.items()]

    def cells(self) -> Iterator[tuple[str, str]]:
        """Points and the partitions that they were tested on, in the study's order."""
        for point in self.evidence.points["point"]:
            for partition in self.evidence.metrics.get(point, {}):
                yield point, partition

    def numbers(self, point: str, partition: str) -> dict[str, Number]:
        """By metric; those that have a value."""
        cell = point, partition
        if cell not in self._found:
            recorded = (self.evidence.metrics.get(point) or {}).get(partition) or {}
            self._found[cell] = self._numbers(recorded, self.statistics(point, partition))
        return self._found[cell]

    def statistics(self, point: str, partition: str) -> Statistics | None:
        """None where the evidence has no sample of the cell."""
        samples = self.rows("samples", point, partition)
        if samples is None or "sample_id" not in samples.columns:
            return None
        samples = samples.sort("sample_id")
        plain = self.statistics_of("samples", samples)
        columns = {(name, "", ""): _doubles(samples[name]) for name in plain}
        for axis in self.evidence.axes:
            rows = self.rows(f"by_{axis}", point, partition)
            if rows is None or not samples.height or rows.height % samples.height:
                continue
            labels = rows[axis].unique(maintain_order=True).to_list()
            rows = rows.sort("sample_id", maintain_order=True)
            if rows.height != samples.height * len(labels):
                continue
            for name in self.statistics_of(f"by_{axis}", rows):
                along = _doubles(rows[name]).reshape(samples.height, -1).T
                named = ((name, axis, str(label)) for label in labels)
                columns |= dict(zip(named, along, strict=True))
        kept = ("sample_id", *block_columns(samples), "label")
        own = samples.select(name for name in kept if name in samples)
        return Statistics(own, columns, self._binary)

    def _numbers(
        self, entries: Mapping[str, Mapping[str, Any]], statistics: Statistics | None
    ) -> dict[str, Number]:
        found = {
            name: Number(
                value,
                entry.get("unit") or "",
                entry.get("per") or "",
                entry.get("count", 0 if statistics is None else statistics.samples.height),
                above=entry.get("above"),
            )
            for name, entry in entries.items()
            if (value := _value(entry)) is not None
        }
        if statistics is None or not statistics.samples.height:
            return found
        finite = [name for name, number in found.items() if math.isfinite(number.value)]
        places = {name: mean_of(name, entries[name], statistics) for name in finite}
        sources = {name: place for name, place in places.items() if place is not None}
        if sources:
            columns = np.stack([place.values for place in sources.values()], axis=1)
            shares = [place.share for place in sources.values()]
            resampled = block_means(columns, statistics.samples, shares)
            for name, one in zip(sources, resampled, strict=True):
                if one is not None:
                    found[name] = _completed(found[name], *one)
        for name in places.keys() - sources.keys():
            score = self.intervals.of(name, entries[name], statistics)
            if score is not None:
                found[name] = _completed(found[name], *score)
        return found

    def rows(self, table: str, point: str, partition: str) -> polars.DataFrame | None:
        """The rows of one cell in the order of the file."""
        return self._tables.get(table, {}).get((point, partition))

    def statistics_of(self, table: str, rows: polars.DataFrame) -> list[str]:
        """The columns of these rows that are statistics and have values."""
        return [
            name
            for name in self._named_statistics[table]
            if name in rows.columns
            and rows[name].dtype.is_numeric()
            and rows[name].null_count() < rows.height
        ]

    @cached_property
    def _named_statistics(self) -> Mapping[str, list[str]]:
        return {
            table: [f.name for f in self.evidence.fields(table) if f.role == "statistic"]
            for table in self.evidence.sources
        }

    @cached_property
    def _binary(self) -> frozenset[str]:
        fields = (field for table in self.evidence.sources for field in self.evidence.fields(table))
        return frozenset(field.name for field in fields if is_binary(field))

    @cached_property
    def _tables(self) -> Mapping[str, Mapping[Any, polars.DataFrame]]:
        tables = {name: self.evidence.table(name) for name in self.evidence.sources}
        return {
            name: table.partition_by(KEYS, as_dict=True, maintain_order=True)
            for name, table in tables.items()
            if {*KEYS} <= set(table.columns)
        }


def _value(entry: Mapping[str, Any]) -> float | None:
    """Infinite where failed samples, whose error has no bound, decide it; of a rejection of all."""
    if entry.get("value") is not None:
        return float(entry["value"])
    return math.inf if entry.get("failures") or entry.get("above") is not None else None


def _completed(number: Number, interval: Interval, blocks: BlockMeans | None) -> Number:
    shown = None if math.isnan(interval.low) else interval
    return Number(number.value, number.unit, number.per, number.count, shown, blocks)


def _doubles(column: polars.Series) -> Floats:
    """Missing values are undefined."""
    return column.cast(polars.Float64).fill_null(float("nan")).to_numpy()
