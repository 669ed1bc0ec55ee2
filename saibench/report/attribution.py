"""All numbers of the error attribution, as a table that the page's script builds when opened."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from saibench.analysis.bootstrap import Interval
from saibench.analysis.tracing.records import PointTrace
from saibench.analysis.tracing.study_traces import study_traces
from saibench.errors import UserError
from saibench.evidence.reader import StudyEvidence
from saibench.evidence.titles import titled

HEADS = (
    "run",
    "error",
    "kind",
    "contributor",
    "share [%]",
    "ρ",
    "partial ρ",
    "times the mean",
    "q",
)
Cell = str | float | list[float | None] | None
"""A text, a number, or `[estimate, low, high]`; None where the column does not apply."""


def attribution_table(evidence: StudyEvidence) -> bytes:
    """JSON `{heads, rows}`, a row per (run, error, contributor); empty if nothing was traced."""
    try:
        found = study_traces(evidence)
    except UserError:  # the figure reports it
        return b""
    rows = [row for trace in found.traces for row in _rows(evidence, trace)]
    if not rows:
        return b""
    content = {"heads": HEADS, "rows": rows}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _rows(evidence: StudyEvidence, trace: PointTrace) -> Iterator[list[Cell]]:
    for response in trace.responses:
        about: list[Cell] = [trace.label, titled(response.response.error_name, evidence)]
        for one in response.associations:
            partial = None if one.partial is None else _interval(one.partial.interval)
            numbers = [_interval(one.share, 100), _interval(one.rho.interval), partial, None]
            name = titled(one.feature.name, evidence)
            yield [*about, one.kind, name, *numbers, _number(one.rho.q)]
        for component in response.components:
            times = _interval(component.relative.interval)
            numbers = [_interval(component.share, 100), None, None, times]
            yield [*about, component.of, component.name, *numbers, _number(component.relative.q)]
        for part in response.parts:
            yield [*about, "cause", part.name, _interval(part.share, 100), None, None, None, None]


def _interval(interval: Interval, scale: float = 1.0) -> list[float | None]:
    return [_number(scale * one) for one in (interval.estimate, interval.low, interval.high)]


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
