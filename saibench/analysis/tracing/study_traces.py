"""Traces the runs of a study: chosen ones, or a few for its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saibench.analysis.tested_models import tested_models
from saibench.analysis.tracing.bias import trace_bias
from saibench.analysis.tracing.columns import column_of, feature_along, rows_of_point
from saibench.analysis.tracing.comparisons import adjusted
from saibench.analysis.tracing.config import TraceConfig, trace_config
from saibench.analysis.tracing.reading import Untraceable, traced_partition
from saibench.analysis.tracing.records import BiasTrace, PointTrace, ResponseTrace
from saibench.analysis.tracing.trace import trace_response
from saibench.analysis.trusted_range.of_evidence import point_label
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


def trace_points(
    evidence: StudyEvidence, points: Sequence[str], config: TraceConfig
) -> list[PointTrace]:
    """Trace each run; its q-values are over its own comparisons.

    If the samples of a run are too few or lack a column, its trace holds the reason.

    Raises:
        Untraceable: no run can be traced, with the reason of the first.
        UserError: a name is unknown.
    """
    if not points:
        raise Untraceable(f"No run of {evidence.folder} was tested.")
    _refuse_unknown(evidence, points[0], config)
    traces = [_trace_point(evidence, point, config) for point in points]
    if not any(trace.responses or trace.bias for trace in traces):
        raise Untraceable(traces[0].refused[0])
    return [one for trace in traces for one in adjusted([trace])]


def _refuse_unknown(evidence: StudyEvidence, point: str, config: TraceConfig) -> None:
    """Look up all names first, so that none is refused after minutes of tracing."""
    rows, _ = rows_of_point(evidence, point, traced_partition(evidence, point, config.partitions))
    names = [*config.responses, *(config.features or ())]
    for name in names if config.bias is None else [*names, config.bias]:
        column_of(evidence, rows, name)
    if config.bias is not None:
        feature_along(evidence, rows, config.along)


def _trace_point(evidence: StudyEvidence, point: str, config: TraceConfig) -> PointTrace:
    partition = traced_partition(evidence, point, config.partitions)
    responses: list[ResponseTrace] = []
    refused: list[str] = []
    for name in config.responses:
        try:
            responses.append(trace_response(evidence, point, partition, name, config))
        except Untraceable as error:
            refused.append(str(error))
    bias: BiasTrace | None = None
    if config.bias is not None:
        try:
            bias = trace_bias(
                evidence, point, partition, config.bias, config.along, config.level, responses
            )
        except Untraceable as error:
            refused.append(str(error))
    return PointTrace(
        point=point,
        slug=str(evidence.records[point].get("slug") or point),
        label=point_label(evidence, point),
        partition=partition,
        responses=tuple(responses),
        bias=bias,
        refused=tuple(dict.fromkeys(refused)),
    )
