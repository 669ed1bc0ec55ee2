"""The numbers of a study's table: recorded metrics with intervals from the samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars

from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of
from saibench.interpretation.bootstrap import Interval
from saibench.interpretation.estimates import estimate_mean

MAX_METRICS = 4
AGREEMENT = 1e-4
"""Relative distance up to which a mean over samples is the recorded metric."""


@dataclass(frozen=True)
class Metric:
    """A column of the table."""

    name: str
    unit: str
    per: str
    counts: tuple[int, ...]
    """Counts of samples behind the metric, over the points; usually all the same."""

    @property
    def notes(self) -> list[str]:
        """Unit, normalisation and count, those that it has."""
        per = f"per {self.per}" if self.per else ""
        count = f"n = {self.counts[0]:,}" if len(self.counts) == 1 else ""
        return [note for note in (self.unit, per, count) if note]

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").replace("mae", "MAE").replace("rmse", "RMSE")


@dataclass(frozen=True)
class Value:
    """A cell of the table; `interval` is None if the samples do not reproduce the metric."""

    value: float
    count: int
    interval: Interval | None


def headline_partition(evidence: StudyEvidence) -> str | None:
    """The first partition that the points were tested on."""
    return next((name for metrics in evidence.metrics.values() for name in metrics), None)


def headline_metrics(evidence: StudyEvidence, partition: str) -> list[Metric]:
    """The metrics that the study's record names under `headline`, or the first few there are."""
    recorded = [metrics.get(partition) or {} for metrics in evidence.metrics.values()]
    names = dict.fromkeys(name for metrics in recorded for name in metrics)
    wanted = [name for record in evidence.records.values() for name in record.get("headline") or ()]
    chosen = [name for name in dict.fromkeys(wanted) if name in names] or list(names)[:MAX_METRICS]
    found = []
    for name in chosen:
        entries = [metrics[name] for metrics in recorded if name in metrics]
        counts = tuple(sorted({entry["count"] for entry in entries if "count" in entry}))
        unit, per = entries[0].get("unit") or "", entries[0].get("per") or ""
        found.append(Metric(name, unit, per, counts))
    return found


def headline_values(
    evidence: StudyEvidence, partition: str, metrics: Sequence[Metric]
) -> dict[str, dict[str, Value]]:
    """By point and metric: the recorded value, with its interval."""
    values = {}
    for point, recorded in evidence.metrics.items():
        of_partition = recorded.get(partition) or {}
        samples = (
            rows_of(evidence.samples, [point], partition)
            if "partition" in evidence.samples.columns
            else polars.DataFrame()
        )
        values[point] = {
            metric.name: Value(
                float(entry["value"]),
                entry.get("count", samples.height),
                metric_interval(evidence, samples, metric, entry["value"]),
            )
            for metric in metrics
            if (entry := of_partition.get(metric.name, {})).get("value") is not None
        }
    return values


def metric_interval(
    evidence: StudyEvidence, samples: polars.DataFrame, metric: Metric, value: float
) -> Interval | None:
    """Interval of a metric that is the mean, or mean absolute value, of a statistic.

    Which statistic is found by its unit and its number: the one whose mean over the samples is
    the recorded value. A metric that no statistic reproduces (an area under a curve) has none.
    """
    statistics = [
        name
        for name in samples.columns
        if evidence.units.get(name, {}).get("role") == "statistic"
        and evidence.units[name]["unit"] == metric.unit
        and samples[name].dtype.is_numeric()
    ]
    for name in sorted(statistics, key=lambda name: name != metric.name):
        for mean_of in (polars.col(name), polars.col(name).abs()):
            mean = samples.select(mean_of.cast(polars.Float64).fill_nan(None).mean()).item()
            if mean is not None and math.isclose(mean, value, rel_tol=AGREEMENT):
                interval = estimate_mean(samples, mean_of).interval
                return None if math.isnan(interval.low) else interval
    return None
