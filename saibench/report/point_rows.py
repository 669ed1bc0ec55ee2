"""Rows and columns of the page's table of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from saibench.evidence.selection import differing
from saibench.report.headline import Metric, headline_metrics, headline_values
from saibench.report.measured import MetricValue
from saibench.report.page_data import PageStudy, all_points


@dataclass(frozen=True)
class Row:
    """A run in the table, with its record for the details."""

    key: str
    point: str
    study: str
    slug: str
    state: str
    cause: str | None
    seconds: float | None
    record: Mapping[str, Any]
    settings: Mapping[str, Any]
    """The settings in which the page's points differ."""
    train_count: int | None
    values: Mapping[str, MetricValue]
    metrics: Mapping[str, Mapping[str, MetricValue]]
    """By partition and name."""


def headline_columns(studies: Sequence[PageStudy]) -> list[Metric]:
    """The columns of the table, merged over the studies."""
    found: dict[str, Metric] = {}
    for metric in (m for study in studies for m in headline_metrics(study.evidence)):
        before = found.get(metric.key)
        counts = {*metric.counts, *(before.counts if before else ())}
        found[metric.key] = replace(metric, counts=tuple(sorted(counts)))
    return list(found.values())


def point_rows(studies: Sequence[PageStudy], metrics: Sequence[Metric]) -> list[Row]:
    points = all_points(studies)
    varying = differing(points)
    by_key = {row["point"]: row for row in points.iter_rows(named=True)}
    found = {}
    for study in studies:
        values = headline_values(study.evidence, metrics, study.measured)
        for point, record in study.evidence.records.items():
            row = by_key[study.key(point)]
            found[study.key(point)] = Row(
                key=study.key(point),
                point=point,
                study=study.name,
                slug=row["slug"],
                state=row["state"],
                cause=row["cause"],
                seconds=row["seconds_total"],
                record=record,
                settings={name: row[name] for name in varying},
                train_count=row["train_count"],
                values=values.get(point, {}),
                metrics={
                    partition: study.measured.numbers(point, partition)
                    for partition in study.evidence.metrics.get(point, {})
                },
            )
    return [found[key] for key in by_key]


def tested_partitions(studies: Sequence[PageStudy], metrics: Sequence[Metric]) -> dict[str, str]:
    """The headline's partitions and their descriptions, from the first record that has one."""
    found = dict.fromkeys((metric.partition for metric in metrics), "")
    for record in (r for study in studies for r in study.evidence.records.values()):
        for name, partition in (record.get("partitions") or {}).items():
            if name in found and not found[name]:
                found[name] = str(partition.get("describe") or "")
    return found


def largest_values(metrics: Sequence[Metric], rows: Sequence[Row]) -> dict[str, float]:
    """The largest absolute value of each metric, for the length of the bars."""
    values = {
        metric.key: [abs(row.values[metric.key].value) for row in rows if metric.key in row.values]
        for metric in metrics
    }
    return {name: max(filter(isfinite, column), default=0.0) for name, column in values.items()}
