"""The headline metrics of a study: recorded values with intervals from the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from saibench.evidence.metrics import added_names, located, nearest_label
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled
from saibench.report.measured import MeasuredMetrics, MetricValue

MAX_METRICS = 4


@dataclass(frozen=True)
class Metric:
    """A column of the table: a metric on one partition."""

    name: str
    partition: str
    unit: str
    per: str
    counts: tuple[int, ...]
    """The distinct numbers of samples over the points; usually one."""
    label: str
    """Its name in text, such as `force MAE`."""

    @property
    def key(self) -> str:
        """`last_tenth/force_mae`, as in loggers."""
        return f"{self.partition}/{self.name}"

    @property
    def notes(self) -> list[str]:
        """Unit, normalisation and count, if known."""
        per = f"per {self.per}" if self.per else ""
        count = f"n = {self.counts[0]:,}" if len(self.counts) == 1 else ""
        return [note for note in (self.unit, per, count) if note]


def headline_partition(evidence: StudyEvidence) -> str | None:
    """The partition of a study's table: the held-out one, or the first tested."""
    tested = list(chain.from_iterable(evidence.metrics.values()))
    return next((name for name in (evidence.held_out, *tested) if name in tested), None)


def headline_metrics(evidence: StudyEvidence) -> list[Metric]:
    """The metrics that the records name under `headline`, or the first few of the partition.

    If the headline's partition lacks a metric, such as one of rotated samples, the first partition
    with the metric is used; `<partition>/<metric>` names another.
    """
    partition = headline_partition(evidence)
    if partition is None:
        return []
    found = [located(evidence.metrics.values(), name, partition) for name in _requested(evidence)]
    chosen = [_metric(evidence, *place) for place in found if place]
    return chosen or metrics_on(evidence, partition)


def metrics_on(evidence: StudyEvidence, partition: str) -> list[Metric]:
    """The headline metrics on this partition, or its first few metrics."""
    recorded = [metrics.get(partition) or {} for metrics in evidence.metrics.values()]
    names = list(dict.fromkeys(name for metrics in recorded for name in metrics))
    requested = [name.removeprefix(f"{partition}/") for name in _requested(evidence)]
    nearest = (nearest_label(name, names) for name in requested)
    chosen = [name for name in dict.fromkeys(nearest) if name] or names[:MAX_METRICS]
    return [_metric(evidence, partition, name) for name in chosen]


def headline_values(
    evidence: StudyEvidence, metrics: Sequence[Metric], measured: MeasuredMetrics | None = None
) -> dict[str, dict[str, MetricValue]]:
    """By point and metric's key: the recorded value, with its interval."""
    measured = measured or MeasuredMetrics(evidence)
    return {
        point: {
            metric.key: number
            for metric in metrics
            if (number := measured.numbers(point, metric.partition).get(metric.name)) is not None
        }
        for point in evidence.metrics
    }


def _requested(evidence: StudyEvidence) -> list[str]:
    """The headline metrics of the records, in order, and the user's metrics."""
    named = (name for record in evidence.records.values() for name in record.get("headline") or ())
    tested = (metrics for of_point in evidence.metrics.values() for metrics in of_point.values())
    added = (name for metrics in tested for name in added_names(metrics))
    return list(dict.fromkeys([*named, *added]))


def _metric(evidence: StudyEvidence, partition: str, name: str) -> Metric:
    recorded = [metrics.get(partition) or {} for metrics in evidence.metrics.values()]
    entries = [metrics[name] for metrics in recorded if name in metrics]
    counts = tuple(sorted({entry["count"] for entry in entries if "count" in entry}))
    unit, per = entries[0].get("unit") or "", entries[0].get("per") or ""
    return Metric(name, partition, unit, per, counts, titled(name, evidence))
