"""The numbers of a study's table: recorded metrics with intervals from the samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars

from saibench.evidence.metrics import located
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import rows_of
from saibench.interpretation.bootstrap import Interval
from saibench.interpretation.estimates import estimate_mean

MAX_METRICS = 4
AGREEMENT = 1e-4
"""Relative distance up to which a mean over samples is the recorded metric."""


@dataclass(frozen=True)
class Metric:
    """A column of the table: a metric on one partition."""

    name: str
    partition: str
    unit: str
    per: str
    counts: tuple[int, ...]
    """Counts of samples behind the metric, over the points; usually all the same."""

    @property
    def key(self) -> str:
        """`last_tenth/force_mae`, as loggers name it."""
        return f"{self.partition}/{self.name}"

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
    """The partition that a study's table is about: the held-out one, or the first tested."""
    tested = _partitions(evidence)
    return next((name for name in (evidence.held_out, *tested) if name in tested), None)


def headline_metrics(evidence: StudyEvidence) -> list[Metric]:
    """The metrics that the study's record names under `headline`, or the first few there are.

    A metric that the headline's partition does not have, such as one of turned samples, is that of
    the first partition that has it; `<partition>/<metric>` names another.
    """
    partition = headline_partition(evidence)
    if partition is None:
        return []
    found = [located(evidence.metrics.values(), name, partition) for name in _wanted(evidence)]
    chosen = [_metric(evidence, *place) for place in found if place]
    return chosen or metrics_on(evidence, partition)


def metrics_on(evidence: StudyEvidence, partition: str) -> list[Metric]:
    """The headline's metrics that points have on this partition, or the first few there are."""
    recorded = [metrics.get(partition) or {} for metrics in evidence.metrics.values()]
    names = list(dict.fromkeys(name for metrics in recorded for name in metrics))
    wanted = [name.removeprefix(f"{partition}/") for name in _wanted(evidence)]
    chosen = [name for name in dict.fromkeys(wanted) if name in names] or names[:MAX_METRICS]
    return [_metric(evidence, partition, name) for name in chosen]


def headline_values(
    evidence: StudyEvidence, metrics: Sequence[Metric]
) -> dict[str, dict[str, Value]]:
    """By point and metric's key: the recorded value, with its interval."""
    return {
        point: {
            metric.key: _value(evidence, point, metric, entry)
            for metric in metrics
            if (entry := (recorded.get(metric.partition) or {}).get(metric.name, {})).get("value")
            is not None
        }
        for point, recorded in evidence.metrics.items()
    }


def _wanted(evidence: StudyEvidence) -> list[str]:
    """What the records name as headline, in their order."""
    named = (name for record in evidence.records.values() for name in record.get("headline") or ())
    return list(dict.fromkeys(named))


def _partitions(evidence: StudyEvidence) -> list[str]:
    return list(dict.fromkeys(name for tested in evidence.metrics.values() for name in tested))


def _metric(evidence: StudyEvidence, partition: str, name: str) -> Metric:
    recorded = [metrics.get(partition) or {} for metrics in evidence.metrics.values()]
    entries = [metrics[name] for metrics in recorded if name in metrics]
    counts = tuple(sorted({entry["count"] for entry in entries if "count" in entry}))
    unit, per = entries[0].get("unit") or "", entries[0].get("per") or ""
    return Metric(name, partition, unit, per, counts)


def _value(evidence: StudyEvidence, point: str, metric: Metric, entry: Mapping[str, Any]) -> Value:
    samples = polars.DataFrame()
    if "partition" in evidence.samples.columns:
        samples = rows_of(evidence.samples, [point], metric.partition)
    interval = metric_interval(evidence, samples, metric, entry["value"])
    return Value(float(entry["value"]), entry.get("count", samples.height), interval)


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
