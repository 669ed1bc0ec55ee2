"""Traces of a few runs of a study for its report, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saibench.analysis.tested_models import tested_models
from saibench.analysis.tracing.columns import column_of, rows_of_point
from saibench.analysis.tracing.config import TraceConfig, trace_config
from saibench.analysis.tracing.of_evidence import trace_points
from saibench.analysis.tracing.reading import traced_partition
from saibench.analysis.tracing.records import PointTrace
from saibench.evidence.once import once
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.selection import tested

MAX_POINTS = 3
"""Runs that a report traces; `python -m saibench trace` traces all."""


@dataclass(frozen=True)
class StudyTraces:
    """Traces of some runs of a study.

    Args:
        config: what was traced.
        traces: one per run.
        num_omitted: number of runs that were not traced.
    """

    config: TraceConfig
    traces: tuple[PointTrace, ...]
    num_omitted: int


@once
def study_traces(evidence: StudyEvidence) -> StudyTraces:
    """Trace the first seed of each cell, of at most three: the best, the median and the worst.

    Cells are ranked by the mean of the first response.

    Raises:
        UserError: no run can be traced.
    """
    config = trace_config(evidence)
    points = _cells(evidence)
    chosen = _spread(evidence, points, config)
    traces = tuple(trace_points(evidence, chosen, config))
    return StudyTraces(config, traces, len(points) - len(chosen))


def _cells(evidence: StudyEvidence) -> list[str]:
    """The first run of each group that differs in its seed only, in the study's order."""
    points = tested(evidence)
    if not points.height:  # tested, but not on the held-out partition
        return [point for point in evidence.points["point"] if point in evidence.metrics]
    return [model.points[0] for model in tested_models(points)]


def _spread(evidence: StudyEvidence, points: Sequence[str], config: TraceConfig) -> list[str]:
    if len(points) <= MAX_POINTS:
        return list(points)
    response = config.responses[0]
    means = []
    for point in points:
        rows, _ = rows_of_point(
            evidence, point, traced_partition(evidence, point, config.partitions)
        )
        errors = column_of(evidence, rows, response, ideal=config.ideal.get(response, 0.0))
        defined = errors.values[~np.isnan(errors.values)]
        means.append(float(defined.mean()) if defined.size else np.inf)
    order = np.argsort(means, kind="stable")
    places = np.round(np.linspace(0, len(points) - 1, MAX_POINTS)).astype(int)
    return [points[number] for number in order[places]]
