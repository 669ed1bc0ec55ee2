"""Which statistic of a sample is its error, and at which value there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars
from numpy.typing import NDArray

from saibench.analysis.metric_sources import mean_of
from saibench.evidence.reader import StudyEvidence
from saibench.report.headline import headline_metrics
from saibench.report.measured import Measured


@dataclass(frozen=True)
class SampleErrors:
    """How samples are ranked.

    Args:
        names: statistics; the first that samples have says how large their errors are.
        ideals: by statistic the value without an error, where it is not 0.
    """

    names: Sequence[str]
    ideals: Mapping[str, float]

    def sizes(self, samples: polars.DataFrame) -> NDArray[np.float64]:
        """Distance from the ideal of each sample, NaN where it is undefined, 0 where nothing is."""
        there = (name for name in self.names if name in samples.columns)
        name = next((name for name in there if samples[name].dtype.is_numeric()), None)
        if name is None:
            return np.zeros(samples.height)
        values = samples[name].cast(polars.Float64).fill_null(float("nan")).to_numpy()
        return np.abs(values - self.ideals.get(name, 0.0))


def error_statistics(measured: Measured) -> list[str]:
    """Statistics of the samples, the one that samples are ranked by first.

    That is what the workload traces, or the statistic behind the headline, or the first there is.
    """
    evidence = measured.evidence
    there = [field.name for field in evidence.fields("samples") if field.role == "statistic"]
    wanted = [*_traced(evidence), *_behind_headline(measured), *there]
    return list(dict.fromkeys(name for name in wanted if name in there))


def ideals(evidence: StudyEvidence) -> dict[str, float]:
    """By statistic the value at which there is no error, where it is not 0."""
    found: dict[str, float] = {}
    for record in evidence.records.values():
        found |= (record.get("trace") or {}).get("ideal") or {}
    return found


def _traced(evidence: StudyEvidence) -> list[str]:
    traces = (record.get("trace") or {} for record in evidence.records.values())
    return [name for trace in traces for name in trace.get("response") or []]


def _behind_headline(measured: Measured) -> list[str]:
    """The statistics whose means the headline's metrics are, as one cell shows them."""
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
