"""Traces the runs of a study."""

from __future__ import annotations

from collections.abc import Sequence

from saibench.analysis.tracing.bias import trace_bias
from saibench.analysis.tracing.columns import column_of, feature_along, rows_of_point
from saibench.analysis.tracing.comparisons import adjusted
from saibench.analysis.tracing.config import TraceConfig
from saibench.analysis.tracing.reading import Untraceable, traced_partition
from saibench.analysis.tracing.records import BiasTrace, PointTrace, ResponseTrace
from saibench.analysis.tracing.trace import trace_response
from saibench.analysis.trusted_range.of_evidence import point_label
from saibench.evidence.reader import StudyEvidence


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
    of_bias = () if config.bias is None else (config.bias,)
    for name in (*config.responses, *(config.features or ()), *of_bias):
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
