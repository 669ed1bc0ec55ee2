"""The statistic that ranks samples by their error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.metric_sources import mean_of
from saibench.evidence.known import is_of_model
from saibench.evidence.reader import StudyEvidence
from saibench.report.headline import headline_metrics
from saibench.report.measured import MeasuredMetrics
from saibench.report.packed import doubles


@dataclass(frozen=True)
class SampleErrors:
    """The ranking of samples.

    Args:
        names: statistics; the first that the samples have is their error.
        ideals: by statistic the value of a perfect prediction, if it is not 0.
    """

    names: Sequence[str]
    ideals: Mapping[str, float]

    def sizes(self, samples: polars.DataFrame) -> NDArray[np.float64]:
        """Distance of each sample from the ideal, NaN if undefined; 0 without a statistic."""
        own = (name for name in self.names if name in samples.columns)
        name = next((name for name in own if samples[name].dtype.is_numeric()), None)
        if name is None:
            return np.zeros(samples.height)
        return np.abs(doubles(samples[name]) - self.ideals.get(name, 0.0))


def error_statistics(measured: MeasuredMetrics) -> list[str]:
    """The errors of the samples, in the order in which they rank samples.

    First the traced statistics, then those of the headline metrics, then the others; none that is
    known without the truth.
    """
    evidence = measured.evidence
    known = [
        field.name
        for field in evidence.fields("samples")
        if field.role == "statistic" and not is_of_model(field)
    ]
    order = [*_traced(evidence), *_behind_headline(measured), *known]
    return list(dict.fromkeys(name for name in order if name in known))


def ideals(evidence: StudyEvidence) -> dict[str, float]:
    """By statistic the value of a perfect prediction, if it is not 0."""
    found: dict[str, float] = {}
    for record in evidence.records.values():
        found |= (record.get("trace") or {}).get("ideal") or {}
    return found


def _traced(evidence: StudyEvidence) -> list[str]:
    traces = (record.get("trace") or {} for record in evidence.records.values())
    return [name for trace in traces for name in trace.get("response") or []]


def _behind_headline(measured: MeasuredMetrics) -> list[str]:
    """The statistics whose means are the headline metrics, from the first cell with samples."""
    metrics = headline_metrics(measured.evidence)
    for point, partition in measured.cells():
        statistics = measured.statistics(point, partition)
        if statistics is None:
            continue
        numbers = measured.numbers(point, partition)
        found = []
        for metric in (metric for metric in metrics if metric.name in numbers):
            entry = measured.evidence.metrics[point][partition][metric.name]
            place = mean_of(metric.name, entry, statistics)
            found += [] if place is None else [place.name]
        return found
    return []
