"""Every recorded metric of a study, with an interval from the samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars

from saibench.analysis.block_means import BlockMeans, block_means
from saibench.analysis.blocks import block_columns
from saibench.analysis.bootstrap import Interval
from saibench.analysis.metric_sources import MetricIntervals, Statistics, mean_of
from saibench.errors import UserError, first_line
from saibench.evidence.known import is_binary
from saibench.evidence.reader import StudyEvidence
from saibench.report.packed import doubles


@dataclass(frozen=True, eq=False)
class MetricValue:
    """A recorded metric; `interval` and `blocks` are None if its definition is unknown.

    `above`: lower bound at 95 % of an infinite value.
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
    """A module of `metric_intervals` that failed, and the cause."""

    module: str
    cause: Exception

    @property
    def label(self) -> str:
        return f"the intervals of '{self.module}'"

    @property
    def error(self) -> Exception | None:
        """The defect of the module; None if it does not exist or may not be imported."""
        return None if isinstance(self.cause, UserError) else self.cause

    def __str__(self) -> str:
        return f"Metrics lack {self.label}: {first_line(self.cause)}."


class MeasuredMetrics:
    """The metrics of a study, computed once per cell."""

    def __init__(self, evidence: StudyEvidence) -> None:
        self.evidence = evidence
        self.intervals = MetricIntervals(evidence.records.values())
        self._found: dict[tuple[str, str], dict[str, MetricValue]] = {}

    @property
    def missing(self) -> list[MissingIntervals]:
        """Failed modules so far."""
        return [MissingIntervals(*one) for one in self.intervals.failed.items()]

    def cells(self) -> Iterator[tuple[str, str]]:
        """Points and their tested partitions, in the order of the study."""
        for point in self.evidence.points["point"]:
            for partition in self.evidence.metrics.get(point, {}):
                yield point, partition

    def numbers(self, point: str, partition: str) -> dict[str, MetricValue]:
        """The metrics of a cell that have a value."""
        cell = point, partition
        if cell not in self._found:
            recorded = (self.evidence.metrics.get(point) or {}).get(partition) or {}
            self._found[cell] = self._numbers(recorded, self.statistics(point, partition))
        return self._found[cell]

    def statistics(self, point: str, partition: str) -> Statistics | None:
        """The statistics of a cell; None without samples."""
        samples = self.evidence.rows("samples", point, partition)
        if samples is None or "sample_id" not in samples.columns:
            return None
        samples = samples.sort("sample_id")
        plain = self.statistics_of("samples", samples)
        columns = {(name, "", ""): doubles(samples[name]) for name in plain}
        for axis in self.evidence.axes:
            rows = self.evidence.rows(f"by_{axis}", point, partition)
            if rows is None or not samples.height or rows.height % samples.height:
                continue
            labels = rows[axis].unique(maintain_order=True).to_list()
            rows = rows.sort("sample_id", maintain_order=True)
            if rows.height != samples.height * len(labels):
                continue
            for name in self.statistics_of(f"by_{axis}", rows):
                along = doubles(rows[name]).reshape(samples.height, -1).T
                named = ((name, axis, str(label)) for label in labels)
                columns |= dict(zip(named, along, strict=True))
        kept = ("sample_id", *block_columns(samples), "label")
        own = samples.select(name for name in kept if name in samples)
        return Statistics(own, columns, self._binary)

    def _numbers(
        self, entries: Mapping[str, Mapping[str, Any]], statistics: Statistics | None
    ) -> dict[str, MetricValue]:
        found = {
            name: MetricValue(
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
        intervals: dict[str, tuple[Interval, BlockMeans | None] | None] = {}
        if sources:
            columns = np.stack([place.values for place in sources.values()], axis=1)
            shares = [place.share for place in sources.values()]
            resampled = block_means(columns, statistics.samples, shares)
            intervals |= zip(sources, resampled, strict=True)
        for name in places.keys() - sources.keys():
            intervals[name] = self.intervals.of(name, entries[name], statistics)
        for name, one in intervals.items():
            if one is not None:
                interval = None if math.isnan(one[0].low) else one[0]
                found[name] = replace(found[name], interval=interval, blocks=one[1])
        return found

    def statistics_of(self, table: str, rows: polars.DataFrame) -> list[str]:
        """The statistics of these rows that have values."""
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


def _value(entry: Mapping[str, Any]) -> float | None:
    """The value; infinite if failed samples determine it, or for an infinite rejection."""
    if entry.get("value") is not None:
        return float(entry["value"])
    return math.inf if entry.get("failures") or entry.get("above") is not None else None
